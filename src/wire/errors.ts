/** Placeholder until the table lands with the messages. */
export type ErrorName = string;
