import { registerDecorator } from 'class-validator';

/**
 * Whether a value is a string of this length that PostgreSQL can store: without NUL and with paired surrogates. Lengths
 * count characters (code points), as PostgreSQL does.
 */
export function isStorableText(value: unknown, min: number, max: number): value is string {
  // A character has one or two UTF-16 units, so this bounds the array below.
  if (typeof value !== 'string' || value.length > 2 * max) {
    return false;
  }
  const { length } = Array.from(value);
  return length >= min && length <= max && !value.includes('\0') && value.isWellFormed();
}

/** Validates a field with {@link isStorableText}. */
export function StorableText(min: number, max: number): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name: 'storableText',
      target: target.constructor,
      propertyName: String(propertyName),
      validator: {
        validate: (value: unknown) => isStorableText(value, min, max),
        defaultMessage: () => `must be a string of ${min} to ${max} characters without NUL`,
      },
    });
  };
}
