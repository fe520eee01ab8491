/** What a listing can be sorted by. Each is also a column of the table. */
export const SORTS = ['id', 'price', 'name', 'created_at'] as const;
export type Sort = (typeof SORTS)[number];

export const ORDERS = ['asc', 'desc'] as const;
export type Order = (typeof ORDERS)[number];
