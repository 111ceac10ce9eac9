/** The port behind which every way of reaching a person stands. */
import type { Dependency } from '../../../platform/observability/health'

/** What a message travels by, and so which address it needs. */
export type Medium = 'email' | 'sms'

export interface Message {
  /** An e-mail address or a phone number. */
  to: string
  medium: Medium
  subject: string
  text: string
  html: string
  /** The same in a few words, for a medium that has room for no more. */
  short: string
}

export interface Channel {
  /** Unique among the channels of an instance. */
  readonly name: string
  readonly media: readonly Medium[]
  /** Throws a `HopelessError` if trying again cannot help. */
  send(message: Message): Promise<void>
  check: Dependency['check']
  close(): void
}
