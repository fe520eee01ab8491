/** The sort keys of a listing. Each one is a column of the table. */
export const SORTS = ['id', 'price', 'name', 'created_at'] as const;
export type Sort = (typeof SORTS)[number];

export const ORDERS = ['asc', 'desc'] as const;
export type Order = (typeof ORDERS)[number];
