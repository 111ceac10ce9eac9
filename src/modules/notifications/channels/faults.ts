/**
 * What a provider’s refusal means for the message and for those that follow. Each provider has a table of its codes;
 * what is not in the table is judged by the status of the answer.
 */
import type { Clock } from '../../../platform/ids'
import type { Receipt, ReceiptStatus, Sent } from './channel'
import { type Answer, retryAfterMs } from './http'

type Kind =
  /** There is no such address. */
  | 'invalid'
  /** This message will never be taken. */
  | 'refused'
  /** This provider will never take it; another one may. */
  | 'not_here'
  /** Our account, credentials or settings are at fault: every message suffers until somebody mends it. */
  | 'ours'
  /** Too many messages from us. */
  | 'limit'
  /** Too many messages to this person. */
  | 'limit_for_one'
  /** It may pass by itself. */
  | 'passing'

export type Fault = readonly [kind: Kind, words: string]
export type FaultTable = Readonly<Record<string, Fault>>

/** How long we keep away when a provider has had enough of us and does not say for how long. */
const USUAL_PAUSE_MS = 30_000

interface Judged {
  provider: string
  answer: Answer
  /** The provider’s own code, if its answer has one. */
  code: string | number | undefined
  table: FaultTable
  clock: Clock
}

/** What an answer that is no success means. */
export function outcomeOf({ provider, answer, code, table, clock }: Judged): Sent {
  const known = code === undefined ? undefined : faultIn(table, code)
  const [kind, words] = known ?? faultOfStatus(answer.status, code !== undefined)
  const reason = `${provider} ${code ?? answer.status}: ${words}`
  if (kind === 'invalid') return { outcome: 'permanent', reason, invalidRecipient: true }
  if (kind === 'not_here') return { outcome: 'permanent', reason, notHere: true }
  if (kind === 'refused') return { outcome: 'permanent', reason }
  if (kind === 'ours') return { outcome: 'transient', reason }
  if (kind === 'limit_for_one') return { outcome: 'transient', reason, aboutMessage: true }
  const pause = retryAfterMs(answer.headers, clock) ?? (kind === 'limit' ? USUAL_PAUSE_MS : undefined)
  return { outcome: 'transient', reason, ...(pause === undefined ? {} : { retryAfterMs: pause }) }
}

/** An answer in no shape that the provider is known to give, such as the page of a proxy in between. */
export const notUnderstood = (provider: string, { status }: Answer): Sent => ({
  outcome: 'transient',
  reason: `${provider} ${status}: answer not understood`,
})

interface Told {
  /** The provider’s own id of the message. */
  providerId: string
  /** Its word for how far that has come. */
  word: string
  /** Its code for why it did not arrive, if it gives one. */
  code: string | undefined
  at?: number | undefined
}

/** What a provider says later of a message; a status that is not known says nothing that changes anything. */
export function receiptsOf(
  provider: string,
  statuses: Readonly<Record<string, ReceiptStatus>>,
  table: FaultTable,
  { providerId, word, code, at }: Told,
): Receipt[] {
  const status = Object.hasOwn(statuses, word) ? statuses[word] : undefined
  if (status === undefined) return []
  const told = { providerId, status, ...(at === undefined ? {} : { at }) }
  return [status === 'failed' ? { ...told, ...failureIn(table, provider, code) } : told]
}

function failureIn(
  table: FaultTable,
  provider: string,
  code: string | undefined,
): Pick<Receipt, 'reason' | 'invalidRecipient'> {
  if (code === undefined) return { reason: `${provider}: not delivered` }
  const [kind, words] = faultIn(table, code) ?? ['refused', 'not delivered']
  return { reason: `${provider} ${code}: ${words}`, ...(kind === 'invalid' ? { invalidRecipient: true } : {}) }
}

/** An answer without a code is the provider’s only where its status leaves no doubt. */
function faultOfStatus(status: number, coded: boolean): Fault {
  if (status === 429) return ['limit', 'too many requests']
  if (status === 401 || status === 403) return ['ours', 'credentials refused']
  if (status >= 500) return ['passing', 'provider error']
  if (coded && status === 400) return ['refused', 'refused']
  return ['passing', 'unexpected answer']
}

const faultIn = (table: FaultTable, code: string | number): Fault | undefined =>
  Object.hasOwn(table, code) ? table[code] : undefined
