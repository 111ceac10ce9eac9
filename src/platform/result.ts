/**
 * An expected failure is a value with a code; a bug throws. Services answer a `Result`, and one place
 * (`platform/http/problem.ts`) turns its failures into problem details.
 */
export interface Failure<Code extends string> {
  readonly ok: false
  readonly code: Code
  /** One sentence for the person who reads the answer; the code's title is used when it is left out. */
  readonly detail?: string | undefined
  /** Further members of the problem document, such as `{ available: 900 }`. */
  readonly members?: Readonly<Record<string, unknown>> | undefined
}

export interface Success<Value> {
  readonly ok: true
  readonly value: Value
}

export type Result<Value, Code extends string> = Success<Value> | Failure<Code>

export const ok = <Value>(value: Value): Success<Value> => ({ ok: true, value })

export const fail = <Code extends string>(
  code: Code,
  detail?: string,
  members?: Readonly<Record<string, unknown>>,
): Failure<Code> => ({ ok: false, code, detail, members })
