/** `@std/async/retry` as on JSR, except for its types. */

export { retry, RetryError } from "deno-std/async/retry.js";
