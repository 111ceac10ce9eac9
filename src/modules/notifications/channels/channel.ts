/** The port behind which every way of reaching a person stands. */
import type { Dependency } from '../../../platform/observability/health'

export interface Message {
  to: string
  subject: string
  text: string
  html: string
}

export interface Channel {
  /** Unique among the channels of an instance. */
  readonly name: string
  /** Throws a `HopelessError` if trying again cannot help. */
  send(message: Message): Promise<void>
  check: Dependency['check']
  close(): void
}
