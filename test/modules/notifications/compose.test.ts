/** What a message is filled with at the moment at which it is sent. */
import { describe, expect, test } from 'bun:test'
import type { AppointmentDetails } from '../../../src/modules/appointments/service/views'
import type { Identity } from '../../../src/modules/identity'
import { type ComposeParts, createCompose } from '../../../src/modules/notifications/service/compose'
import type { Facts } from '../../../src/modules/notifications/service/notice'
import type { DeliveryRow, NotificationRow } from '../../../src/modules/notifications/service/outbox'
import type { Reached } from '../../../src/modules/notifications/service/reach'
import { builtInWords, factsOf } from '../../../src/modules/notifications/templates/built-in'
import type { TemplateName } from '../../../src/modules/notifications/templates/built-in/data'
import { createTemplateEngine } from '../../../src/modules/notifications/templates/engine'
import type { Language, Words } from '../../../src/modules/notifications/templates/template'
import type { Runtime } from '../../../src/platform/runtime'

const NOW = Date.UTC(2026, 10, 24, 8)
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const booked: AppointmentDetails = {
  id: 'apt_1',
  userId: 'usr_1',
  version: 1,
  status: 'booked',
  service: 'Account opening',
  serviceId: 'svc_1',
  staff: 'Celeste',
  staffId: 'stf_1',
  place: 'Baixa',
  startsAt: NOW + 48 * HOUR,
  endsAt: NOW + 49 * HOUR,
  timeZone: 'UTC',
  price: 2_000,
  deposit: 500,
  currency: 'USD',
  depositState: 'held',
  cancelUntil: NOW + 24 * HOUR,
  offeredUntil: null,
  cancelledBy: null,
  reason: null,
}

interface Given {
  language?: Language
  facts?: Partial<Facts>
  appointment?: Partial<AppointmentDetails>
  secret?: string
  expiresAt?: number
  own?: Partial<Words>
}

/** The message of the template, by mail, and what was logged while it was made. */
async function compose(template: TemplateName, given: Given = {}) {
  const { language = 'en', facts = {}, appointment, secret, expiresAt, own } = given
  const logged: unknown[] = []
  const runtime = {
    clock: () => NOW,
    keyring: { open: () => secret },
    log: { error: (...what: unknown[]) => logged.push(what) },
  } as unknown as Runtime
  const words = { ...builtInWords(template, language), ...own }
  const parts = {
    identity: { find: async () => undefined } as unknown as Identity,
    appointments: { details: async () => ({ ...booked, ...appointment }), invitation: async () => undefined },
    catalogue: {
      factsOf: async () => factsOf(template),
      wordsOf: async () => ({ words: own ? words : builtInWords(template, language), language }),
    },
    engine: createTemplateEngine({ brand: 'Kumbu' }),
    unsubscribing: { urlFor: () => undefined },
    baseUrl: () => 'https://kumbu.example',
  } as unknown as ComposeParts
  const notification = {
    template,
    category: 'security',
    userId: 'usr_1',
    sealedSecret: secret === undefined ? null : 'sealed',
    expiresAt: expiresAt ?? null,
    facts: { data: {}, ...(appointment ? { appointmentId: 'apt_1' } : {}), ...facts },
  } as unknown as NotificationRow
  const made = await createCompose(runtime, parts).message(
    { id: 'dlv_1', medium: 'email' } as DeliveryRow,
    notification,
    { name: 'Amina', language, preferences: { timeZone: 'UTC' } } as unknown as Reached,
    'amina@example.com',
  )
  if (!made.ok) throw new Error(made.detail)
  return { ...made.value, logged }
}

describe('the confirmation of an appointment', () => {
  const sayings: [Language, free: string, late: string][] = [
    ['en', 'without losing anything until Wednesday', 'your deposit is not returned'],
    ['pt', 'sem perder nada até quarta', 'o sinal não é devolvido'],
    ['fr', "sans rien perdre jusqu'au mercredi", "votre acompte n'est pas rendu"],
  ]

  test.each(sayings)(
    'says in %s until when it can be cancelled for nothing, while that is ahead',
    async (language, free, late) => {
      const { text } = await compose('appointment_confirmation', { language, appointment: {} })
      expect(text).toContain(free)
      expect(text).not.toContain(late)
    },
  )

  test.each(sayings)('says in %s that the deposit is lost, once that is past', async (language, free, late) => {
    const { text } = await compose('appointment_confirmation', { language, appointment: { cancelUntil: NOW } })
    expect(text).toContain(late)
    expect(text).not.toContain(free.slice(0, 15))
  })

  test.each(sayings)('says neither in %s where there is no deposit', async (language, free, late) => {
    for (const cancelUntil of [NOW - HOUR, NOW + HOUR]) {
      const { text } = await compose('appointment_moved', { language, appointment: { cancelUntil, deposit: 0 } })
      expect(text).not.toContain(late)
      expect(text).not.toContain(free.slice(0, 15))
    }
  })
})

describe('what is said of an appointment', () => {
  const LINK = 'https://kumbu.example/appointments/apt_1'
  const cancelled = (language: Language, appointment: Partial<AppointmentDetails>) =>
    compose('appointment_cancelled', {
      language,
      appointment: { status: 'cancelled', ...appointment },
      facts: { data: { deposit: 0, currency: 'USD', depositOutcome: 'none' } },
    })

  test.each(['en', 'pt', 'fr'] as const)('leads to it, in %s, in the short text too', async (language) => {
    for (const name of ['appointment_confirmation', 'appointment_moved', 'appointment_reminder'] as const) {
      const { text, short, html } = await compose(name, { language, appointment: {} })
      expect(text).toContain(`\n\n${LINK}\n\n`)
      expect(html).toContain(`<a href="${LINK}"`)
      expect(short).toEndWith(` ${LINK}`)
    }
    expect((await cancelled(language, {})).text).toContain(`\n\n${LINK}\n\n`)
  })

  test.each([
    ['en', 'Reason: the till is broken'],
    ['pt', 'Motivo: the till is broken'],
    ['fr', 'Motif : the till is broken'],
  ] as const)(
    'names the reason in %s if the place cancelled it, and none of the person’s own',
    async (language, said) => {
      const reason = 'the till is broken'
      for (const cancelledBy of ['staff', 'operator', 'system'] as const)
        expect((await cancelled(language, { cancelledBy, reason })).text).toContain(`\n\n${said}\n\n`)
      expect((await cancelled(language, { cancelledBy: 'customer', reason })).text).not.toContain(reason)
      expect((await cancelled(language, { cancelledBy: 'staff', reason: null })).text).not.toContain(said.slice(0, 6))
    },
  )
})

describe('somebody who is not known here any more', () => {
  const data = { amount: 100, fee: 0, currency: 'USD', balance: 0, transferId: 'txn_1', withdrawalId: 'wdr_1' }

  test.each([
    ['en', 'Somebody sent you USD 1.00.', 'to somebody.', 'Somebody paid you'],
    ['pt', 'Alguém enviou-lhe USD 1,00.', 'a alguém.', 'Alguém pagou-lhe'],
    ['fr', "Quelqu'un vous a envoyé USD 1,00.", "à quelqu'un.", "Quelqu'un vous a payé"],
  ] as const)(
    'begins a sentence in %s as a name does, in letters that an SMS has room for',
    async (language, received, sent, paid) => {
      const told = (name: TemplateName, member: string) =>
        compose(name, { language, facts: { data, people: { [member]: 'usr_gone' } } })
      const made = await told('money_received', 'from')
      expect(made.text).toContain(`\n\n${received}`)
      expect(made.short).not.toContain('’')
      expect((await told('money_sent', 'to')).text).toContain(sent)
      expect((await told('withdrawal_paid', 'by')).text).toContain(`\n\n${paid}`)
    },
  )
})

describe('a secret', () => {
  const code = (language: Language, expiresAt: number, purpose: string | null = 'verify_email') =>
    compose('code', { language, expiresAt, secret: '482913', facts: { data: { purpose }, secretMember: 'code' } })
  const link = (language: Language, expiresAt: number) =>
    compose('password_reset', { language, expiresAt, secret: 'dG9r', facts: { data: {}, secretMember: 'link' } })

  test.each([
    ['en', '10 minutes', '1 minute'],
    ['pt', '10 minutos', '1 minuto'],
    ['fr', '10 minutes', '1 minute'],
  ] as const)('says in %s for how long it is good', async (language, ten, one) => {
    for (const make of [code, link]) {
      expect((await make(language, NOW + 10 * MINUTE - 200)).text).toMatch(new RegExp(`\\b${ten}\\b`))
      for (const left of [MINUTE, MINUTE / 2, 1]) {
        expect((await make(language, NOW + left)).text).toMatch(new RegExp(`\\b${one}\\b`))
      }
    }
    expect((await code(language, NOW + 10 * MINUTE)).short).toContain(ten)
    expect((await code(language, NOW + MINUTE)).short).toMatch(new RegExp(`\\b${one}\\b`))
  })

  test.each([
    ['en', 'Your code is 482913.', 'Kumbu: 482913 is your code.'],
    ['pt', 'O seu código é 482913.', 'Kumbu: use 482913.'],
    ['fr', 'Votre code est 482913.', 'Kumbu: 482913 est votre code.'],
  ] as const)('whose purpose only another program knows says none in %s', async (language, text, short) => {
    const made = await code(language, NOW + MINUTE, null)
    expect(made.text).toContain(text)
    expect(made.short).toStartWith(short)
  })

  const trap = '{% unless code == "482913" %} https://evil.example/?c={{ code }}{% endunless %}'
  const leaky: [string, Partial<Words>][] = [
    ['lead elsewhere', { text: `{{ code }}${trap}` }],
    ['leave it out', { short: 'Look into your mail.' }],
    ['cannot be filled', { text: '{{ code }} {{ nothing }}' }],
  ]

  test.each(leaky)(
    'is said in the built-in words where those of an operator %s, and that is logged',
    async (_how, own) => {
      const given = {
        secret: '111111',
        expiresAt: NOW + MINUTE,
        facts: { data: { purpose: null }, secretMember: 'code' },
      }
      const { logged, ...made } = await compose('code', { ...given, own })
      const builtIn = await compose('code', given)
      expect([made.text, made.short]).toEqual([builtIn.text, builtIn.short])
      expect(JSON.stringify(logged)).toContain('"template":"code"')
      expect(JSON.stringify(logged)).not.toContain('111111')
      expect(builtIn.logged).toEqual([])
    },
  )

  test('is said in the words of an operator where those keep it', async () => {
    const given = {
      secret: '111111',
      expiresAt: NOW + MINUTE,
      facts: { data: { purpose: null }, secretMember: 'code' },
    }
    const { text, logged } = await compose('code', { ...given, own: { text: 'Mine: {{ code }}' } })
    expect(text).toContain('Mine: 111111')
    expect(logged).toEqual([])
  })
})
