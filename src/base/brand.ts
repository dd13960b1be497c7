/** A type that is `T` at run time, and that the compiler will not mix up with another `T`. */
export type Brand<T, Name extends string> = T & { readonly __name: Name };
