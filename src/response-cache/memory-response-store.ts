import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import type { StoredResponse } from './cached-response.js';

/** About 800 pages of 20 products. Redis holds more. */
export const MAX_BYTES = 8 * 1024 * 1024;
/** Bytes of an entry besides its key and its body. */
const ENTRY_OVERHEAD = 1024;

/** The responses that this process keeps: the most recently used. */
@Injectable()
export class MemoryResponseStore extends LRUCache<string, StoredResponse> {
  constructor() {
    super({
      maxSize: MAX_BYTES,
      sizeCalculation: ({ body }, key) => body.length + 2 * key.length + ENTRY_OVERHEAD,
    });
  }
}
