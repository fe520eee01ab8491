import { Reflector } from '@nestjs/core';

/** Exempts a route, or all routes of a controller, from the rate limit: `@Unlimited(true)`. */
export const Unlimited = Reflector.createDecorator<boolean>();
