import { describe, expect, it } from '@jest/globals';

import { COPY_COLUMNS, copyField, copyLine, copyTime } from './copy-line.js';
import { sampleProduct } from './sample-product.js';

describe(copyLine.name, () => {
  it('escapes the special characters of the format', () => {
    expect(copyField('a\tb\nc\rd\\N')).toBe('a\\tb\\nc\\rd\\\\N');
    expect(copyField('Jalapeño हापूस')).toBe('Jalapeño हापूस');
  });

  it('has a field for each column', () => {
    const product = { ...sampleProduct(7), name: 'Tab\there', latitude: null, longitude: null };
    const line = copyLine(product, 'EUR');
    expect(line.endsWith('\n')).toBe(true);
    const fields = line.slice(0, -1).split('\t');
    expect(fields).toHaveLength(COPY_COLUMNS.split(', ').length);
    expect(fields.slice(0, 2)).toEqual(['SAMPLE-000000007', 'Tab\\there']);
    expect(fields[5]).toBe('EUR');
    expect(fields.slice(8, 10)).toEqual(['\\N', '\\N']);
  });

  it('writes times with microseconds', () => {
    expect(copyTime(Date.UTC(2024, 1, 29, 23, 59, 59) * 1000 + 42)).toBe(
      '2024-02-29T23:59:59.000042Z',
    );
  });
});
