/**
 * The port behind which every way of reaching a person stands. A way of travelling (`Medium`) may have several
 * providers; each provider is one file in this folder. What is expected to go wrong is an answer, because what
 * happens next depends on it; only a bug throws.
 */
import type { Dependency } from '../../../platform/observability/health'
import type { BreakerState } from './breaker'

export const media = ['email', 'sms', 'whatsapp', 'push', 'webhook', 'in_app'] as const
/** What a message travels by, and so which address it needs. */
export type Medium = (typeof media)[number]

/** A file that goes with a mail. */
export interface Attachment {
  filename: string
  contentType: string
  content: string
}

/** An approved WhatsApp template and what fills it (Meta Cloud API, "Message templates"). */
export interface ApprovedTemplate {
  name: string
  /** Meta’s language code, such as `pt_PT`. */
  language: string
  parameters: string[]
  /** For the button of an authentication template, which copies the code. */
  button?: string
}

/** A browser or a phone that asked to be pushed to. */
export interface PushTarget {
  id: string
  kind: 'web' | 'fcm'
  /** The endpoint of a browser’s push service, or a registration token of FCM. */
  address: string
  /** Of a browser (RFC 8291). */
  keys?: { p256dh: string; auth: string }
}

export interface WebhookTarget {
  id: string
  url: string
  secret: string
}

/** A message, rendered, on its way to one person. */
export interface OutgoingMessage {
  /** The same at every try, so that whoever receives it can tell a repeat: `dlv_…`. */
  deliveryId: string
  medium: Medium
  template: string
  language: string
  /** An e-mail address, or a phone number in E.164; empty for media with targets of their own. */
  to: string
  subject: string
  text: string
  html: string
  /** The same in a few words, for a medium that has room for no more. */
  short: string
  approved: ApprovedTemplate
  push: readonly PushTarget[]
  webhook?: WebhookTarget
  /** What a webhook carries beside the words: ids and amounts. */
  data: Readonly<Record<string, unknown>>
  attachments: readonly Attachment[]
  /** RFC 8058: where one click ends messages of this sort. */
  unsubscribeUrl?: string
  /** After this moment it is worth nothing, in milliseconds. */
  expiresAt?: number
}

export type Sent =
  | {
      outcome: 'accepted'
      /** The provider’s own id of it, by which its receipts name it. */
      providerId?: string
      /** Targets that are gone, to be forgotten (push: 404, 410). */
      gone?: readonly string[]
    }
  /** May succeed if tried again. */
  | {
      outcome: 'transient'
      reason: string
      /** How long the provider asked to be left alone: for every message, unless it is about this one alone. */
      retryAfterMs?: number
      /** It is about this message alone (greylisting, a full mailbox) and says nothing of the provider’s health. */
      aboutMessage?: boolean
      gone?: readonly string[]
    }
  /** Trying again cannot help. */
  | {
      outcome: 'permanent'
      reason: string
      /** There is no such address: nothing is sent to it any more. */
      invalidRecipient?: boolean
      /** It is this provider that will not take it, for what it thinks of us or where it reaches: another one may. */
      notHere?: boolean
      /** A target that a person named has refused it, by its id: that is theirs to look at. */
      refusedBy?: string
      gone?: readonly string[]
    }

export type ReceiptStatus = 'accepted' | 'delivered' | 'read' | 'failed'

/** What a provider says later of a message that it took. */
export interface Receipt {
  providerId: string
  status: ReceiptStatus
  reason?: string
  invalidRecipient?: boolean
  /** When it happened by the provider’s clock, if it says so. */
  at?: number
}

export interface ReceiptRequest {
  method: string
  /** The address as the provider called it, query included: the public address of this instance and the path. */
  url: string
  headers: Headers
  /** The body’s bytes as text, as they came: signatures are made over them. */
  body: string
}

export type ReceiptAnswer =
  | { verdict: 'accepted'; receipts: Receipt[]; answer?: string }
  /** The signature is wrong, missing, or too old. */
  | { verdict: 'forged' }
  | { verdict: 'malformed' }

export interface Channel {
  /** Unique among the providers of an instance: `smtp`, `twilio`, … It names the breaker, the receipts’ address, the figures. */
  readonly provider: string
  readonly medium: Medium
  /** Messages under way at a time, at most. */
  readonly concurrency: number
  /** Never throws for what the network or the provider does. */
  send(message: OutgoingMessage): Promise<Sent>
  /** Reads and verifies what the provider says later; absent if it says nothing. */
  receipts?(request: ReceiptRequest): Promise<ReceiptAnswer> | ReceiptAnswer
  /** What an operator appends to the address of the receipts at a provider that does not sign them. */
  readonly receiptsQuery?: string
  /** Those behind it that are left alone by themselves, and how each is. */
  parts?(): Array<readonly [provider: string, state: BreakerState]>
  check: Dependency['check']
  close(): void
}
