import { Reflector } from '@nestjs/core';

/** Marks a route, or all of a controller, that the limit does not count: `@Unlimited(true)`. */
export const Unlimited = Reflector.createDecorator<boolean>();
