import type { EntityClass } from './database/data-source.js';
import { Product } from './products/product.entity.js';
import { WebhookEvent } from './webhooks/webhook-event.entity.js';

/** The tables of the service as TypeORM entities. */
export const ENTITIES: EntityClass[] = [Product, WebhookEvent];
