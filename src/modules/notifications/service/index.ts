/** Notifications, put together: each part in a file of its own, and what the rest of Kumbu may ask of them. */

import type { Events } from '../../../platform/events'
import { createPatience } from '../../../platform/queue/patience'
import type { Traffic } from '../../../platform/queue/traffic'
import type { Runtime } from '../../../platform/runtime'
import type { Appointments } from '../../appointments'
import type { Identity } from '../../identity'
import type { Channel, Medium } from '../channels/channel'
import { createTemplateEngine } from '../templates/engine'
import type { Language } from '../templates/template'
import { createApplyingReceipts } from './applying-receipts'
import { type Catalogue, createCatalogue } from './catalogue'
import { createCompose } from './compose'
import { createDelivering } from './delivering'
import { createDispatcher, type Dispatcher } from './dispatcher'
import { createFigures, type Figures } from './figures'
import { createPersonalInbox, type PersonalInbox } from './inbox'
import { createKeeping, type Keeping } from './keeping'
import { createMessages, type Messages } from './messages'
import { createOutbox, type Outbox } from './outbox'
import { createOutcomes } from './outcomes'
import { createOwnTemplates, type OwnTemplates } from './own-templates'
import { createPolicy } from './policy'
import { createPreferences, type PreferenceStore } from './preferences'
import { createProviders, type Providers } from './providers'
import { createReach } from './reach'
import { createReceipts, type Receipts } from './receipts'
import { createRouting, type Routing } from './routing'
import { createSending, type Sending } from './sending'
import { createSuppressions, type Suppressions } from './suppressions'
import { createTaking } from './taking'
import { createTargets, type Targets } from './targets'
import { createTracks } from './tracks'
import { createUnsubscribing, type Unsubscribing } from './unsubscribe'

export interface Notifications {
  outbox: Outbox
  sending: Sending
  messages: Messages
  catalogue: Catalogue
  ownTemplates: OwnTemplates
  routing: Routing
  preferences: PreferenceStore
  unsubscribing: Unsubscribing
  suppressions: Suppressions
  targets: Targets
  inbox: PersonalInbox
  receipts: Receipts
  figures: Figures
  providers: Providers
  dispatcher: Dispatcher
  keeping: Keeping
}

export interface NotificationOptions {
  /** How the place is called in messages. */
  brand: string
  language: Language
  timeZone: string
  baseUrl: () => string
  /** Who goes first. */
  traffic: Traffic
  /** Messages a second, by medium. */
  paces: Readonly<Partial<Record<Medium, number>>>
  /** Messages in an hour for one person by one medium, at most. */
  hourlyCap: number
  /** Calling codes of the countries that SMS and WhatsApp go to; none: all. */
  callingCodes: readonly string[]
  keptMs: number
  /** Whether webhooks may go to addresses of the house; absent: they may not. */
  privateWebhooks?: boolean
}

export function createNotifications(
  runtime: Runtime,
  { identity, appointments, events }: { identity: Identity; appointments: Appointments; events: Events },
  channels: readonly Channel[],
  {
    brand,
    language,
    timeZone,
    baseUrl,
    traffic,
    paces,
    hourlyCap,
    callingCodes,
    keptMs,
    privateWebhooks = false,
  }: NotificationOptions,
): Notifications {
  const engine = createTemplateEngine({ brand })
  const catalogue = createCatalogue(runtime, { engine, language, timeZone })
  const providers = createProviders(runtime.clock, channels, paces)
  runtime.metrics.readBreakers(providers.breakers)
  const routing = createRouting(runtime, { catalogue, providers })
  const targets = createTargets(runtime, events, { privateWebhooks })
  const preferences = createPreferences(runtime, { language, timeZone })
  const suppressions = createSuppressions(runtime)
  const unsubscribing = createUnsubscribing(runtime, identity, preferences, { baseUrl, language })
  const reach = createReach(runtime, identity, preferences)
  const compose = createCompose(runtime, {
    identity,
    appointments,
    catalogue,
    engine,
    targets,
    unsubscribing,
    baseUrl,
  })
  const outbox = createOutbox(runtime, {
    catalogue,
    routing,
    providers,
    targets,
    wake: (tx) => dispatcher.wake(tx),
  })
  const tracks = createTracks(runtime, { outbox, isOn: providers.isOn })
  const applying = createApplyingReceipts(runtime, { tracks, suppressions })
  const outcomes = createOutcomes(runtime, { tracks, applying, suppressions, targets })
  const policy = createPolicy(runtime, {
    catalogue,
    reach,
    suppressions,
    stillTrue: appointments.stillTrue,
    hourlyCap,
    callingCodes,
  })
  const taking = createTaking(runtime)
  const delivering = createDelivering(runtime, { providers, policy, compose, outcomes, tracks, taking })
  const patience = createPatience(traffic)
  const dispatcher: Dispatcher = createDispatcher(runtime, { providers, tracks, taking, delivering, patience })
  const messages = createMessages(runtime, { identity, reach, suppressions, wake: (tx) => dispatcher.wake(tx) })
  const receipts = createReceipts(runtime, { providers, applying })

  return {
    outbox,
    sending: createSending(runtime, {
      identity,
      catalogue,
      engine,
      outbox,
      providers,
      preferences,
      routing,
      callingCodes,
    }),
    messages,
    catalogue,
    ownTemplates: createOwnTemplates(runtime, { catalogue, routing, engine, timeZone }),
    routing,
    preferences,
    unsubscribing,
    suppressions,
    targets,
    inbox: createPersonalInbox(runtime, { compose, preferences }),
    receipts,
    figures: createFigures(runtime, providers),
    providers,
    dispatcher,
    keeping: createKeeping(runtime, { identity, messages, preferences, targets, receipts, keptMs }),
  }
}
