/** `@std/async/retry`, as it is on JSR but for its types. */

export { retry, RetryError } from "deno-std/async/retry.js";
