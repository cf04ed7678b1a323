// The first line of a program that says by it that it is ready.

import { createInterface } from "node:readline";

/** What a child writes as its first line; `what` is said of it when it does not. */
export function firstLine(child, what, limitMs) {
  return new Promise((resolve, reject) => {
    const fail = (why) => {
      clearTimeout(limit);
      reject(why instanceof Error ? why : new Error(why));
    };
    const limit = setTimeout(fail, limitMs, `${what} was not ready in time`);
    child.once("error", fail);
    child.once("exit", (code) => fail(`${what} ended with ${code} before it was ready`));
    createInterface({ input: child.stdout }).once("line", (line) => {
      clearTimeout(limit);
      resolve(line);
    });
  });
}
