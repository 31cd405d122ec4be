// What all scripts here have in common: a request as one line of JSON on standard input, its answer as one line out.
import { createInterface } from 'node:readline';

/** Answers `{call, ...given}` with `{value}` or `{error}` until standard input ends. */
export async function serve(operations) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, ...given } = JSON.parse(line);
    let answer;
    try {
      answer = { value: (await operations[call](given)) ?? null };
    } catch (error) {
      answer = { error: told(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

/** What a library says of a failure, with what lies behind it. */
function told(error) {
  const { name, message, code, error: oauth, error_description: description, cause } = error;
  const behind = cause instanceof Error ? told(cause) : undefined;
  return { name, message, code, oauth, description, cause: behind };
}

/** A fetch that writes down what it sent: method, URL, names of the form's parameters, scheme of Authorization. */
export function recording(sent) {
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    const form = init.body === undefined ? undefined : [...new URLSearchParams(String(init.body)).keys()];
    const response = await fetch(input, init);
    const authorization = headers.get('authorization')?.split(' ')[0];
    const proof = headers.has('dpop');
    sent.push({ method: init.method ?? 'GET', url: String(input), form, authorization, proof, status: response.status });
    return response;
  };
}
