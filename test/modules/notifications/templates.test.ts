/** What the built-in messages say, in every language, and what their mails are made of. */
import { describe, expect, test } from 'bun:test'
import { approvedTemplateOf } from '../../../src/modules/notifications/templates/approved'
import {
  builtInWords,
  factsOf,
  isTemplateName,
  templateNames,
} from '../../../src/modules/notifications/templates/built-in'
import type { TemplateData, TemplateName } from '../../../src/modules/notifications/templates/built-in/data'
import { createTemplateEngine, type RenderOptions } from '../../../src/modules/notifications/templates/engine'
import { type Language, languages } from '../../../src/modules/notifications/templates/template'

const engine = createTemplateEngine({ brand: 'Kumbu' })
const all = templateNames.flatMap((name) => languages.map((language) => [name, language] as const))

async function render<Name extends TemplateName>(
  name: Name,
  language: Language,
  data: Partial<TemplateData[Name]> = {},
  options: Partial<RenderOptions> = {},
) {
  const facts = factsOf(name)
  const result = await engine.render(builtInWords(name, language), {
    data: { ...facts.sample, ...data },
    language,
    timeZone: 'Africa/Maputo',
    name: 'Carla',
    facts,
    ...options,
  })
  if (!result.ok) throw new Error(`${name} ${language}: ${result.detail}`)
  return result.value
}

/** GSM 03.38, the basic table and its extension. */
const GSM = /^[@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€\n]*$/
const fitsTwoSms = (text: string) => text.length <= (GSM.test(text) ? 160 : 134)

describe.each(all)('%s in %s', (name, language) => {
  test('can be kept, and uses what it is given and nothing else', async () => {
    const checked = await engine.check(builtInWords(name, language))
    expect(checked).toMatchObject({ ok: true })
    if (!checked.ok) return
    expect(checked.value.variables.toSorted()).toEqual(Object.keys(factsOf(name).sample).toSorted())
  })

  test('is whole: nothing of the template shows, and the mail greets and signs', async () => {
    const { subject, text, html, short } = await render(name, language)
    for (const part of [subject, text, short]) {
      expect(part).not.toMatch(/[{}\uFDD0-\uFDEF]|\*\*|undefined|null|NaN|\n\n\n/)
      expect(part.trim()).toBe(part)
      expect(part).not.toBe('')
    }
    expect(html).not.toMatch(/\{\{|\{%|[\uFDD0-\uFDEF]|undefined|NaN/)
    expect(text).toStartWith({ en: 'Hello Carla,\n\n', pt: 'Olá, Carla,\n\n', fr: 'Bonjour Carla,\n\n' }[language])
    expect(text).toEndWith('\n\nKumbu')
    expect(html).toContain(`<html lang="${language}"`)
  })

  test('has a short text that fits', async () => {
    expect(await render(name, language)).toSatisfy(({ short }) => fitsTwoSms(short))
  })
})

describe('choices', () => {
  const changes: TemplateData['security_changed']['change'][] = [
    'password_changed',
    'pin_changed',
    'email_changed',
    'phone_changed',
    'phone_removed',
    'phone_taken_over',
    'totp_added',
    'totp_removed',
    'email_factor_added',
    'email_factor_removed',
    'sms_factor_added',
    'sms_factor_removed',
    'passkey_added',
    'passkey_removed',
    'recovery_codes_made',
    'recovery_code_used',
    'factors_reset',
    'api_key_made',
    'application_allowed',
    'second_factor_locked',
    'sign_ins_failing',
    'account_closed',
    'endpoint_added',
    'device_added',
    'endpoint_paused',
  ]
  const purposes: TemplateData['code']['purpose'][] = [
    'verify_email',
    'verify_phone',
    'change_email',
    'change_phone',
    'second_factor',
  ]

  test.each([...languages])('every change of how one signs in has words of its own in %s', async (language) => {
    const made = await Promise.all(changes.map((change) => render('security_changed', language, { change })))
    expect(new Set(made.map(({ subject }) => subject)).size).toBe(changes.length)
    expect(new Set(made.map(({ short }) => short)).size).toBe(changes.length)
    for (const { subject, text } of made) expect(text).toContain(`\n\n${subject}\n\n`)
  })

  test.each([...languages])('and each of them fits into one SMS in %s', async (language) => {
    const made = await Promise.all(changes.map((change) => render('security_changed', language, { change })))
    expect(made.map(({ short }) => short).filter((short) => short.length > 160 || !GSM.test(short))).toEqual([])
  })

  test.each([
    ['en', 'call your operator'],
    ['pt', 'ligue já para o seu operador'],
    ['fr', 'appelez tout de suite votre opérateur'],
  ] as const)('in %s none says to call where the words say what to do already', async (language, call) => {
    for (const change of changes) {
      const { text } = await render('security_changed', language, { change })
      const says = change !== 'second_factor_locked' && change !== 'sign_ins_failing'
      expect([change, text.includes(call)]).toEqual([change, says])
    }
  })

  test.each([...languages])('every purpose of a code has words in %s', async (language) => {
    for (const purpose of purposes) {
      const { text, short } = await render('code', language, { purpose })
      expect(text).toMatch({ en: /Your code to \w/, pt: /O seu código para \w/, fr: /Votre code pour \w/ }[language])
      expect(fitsTwoSms(short)).toBe(true)
    }
  })

  test.each([...languages])('what becomes of a deposit is said in %s', async (language) => {
    const said = (depositOutcome: 'none' | 'returned' | 'kept') =>
      render('appointment_cancelled', language, { depositOutcome }).then(({ text }) => text)
    const money = language === 'en' ? 'USD 5.00' : 'USD 5,00'
    expect(await said('none')).not.toContain(money)
    expect(await said('returned')).toContain(money)
    expect(await said('kept')).toContain(money)
    expect(await said('kept')).not.toBe(await said('returned'))
  })

  test.each([...languages])('a fee of nothing is not spoken of in %s', async (language) => {
    const { text } = await render('money_sent', language, { fee: 0 })
    expect(text).not.toMatch(/USD 0[.,]00|taxa|fee was|frais/)
  })

  test('an appointment of nobody, nowhere, that is free and can always be cancelled, says none of it', async () => {
    const data = { staff: '', place: '', price: 0, deposit: 0, cancelUntil: null }
    const { text } = await render('appointment_confirmation', 'en', data)
    expect(text).not.toMatch(/ with |Where|price|deposit|You can cancel|If you cancel/)
  })
})

test.each([...languages])('an announcement says what it has to say wherever it arrives, in %s', async (language) => {
  const data = { title: 'Closed', message: 'Back\non Tuesday.' }
  expect((await render('announcement', language, data)).short).toBe('Kumbu: Closed - Back on Tuesday.')
})

test.each([
  ['en', 'at which agents are told'],
  ['pt', 'a partir do qual os agentes são avisados'],
  ['fr', 'à partir duquel les agents sont avertis'],
] as const)('a low float is measured by what the operator has set, in %s', async (language, said) => {
  expect((await render('low_float', language)).text).toContain(said)
})

describe('amounts and moments', () => {
  test('amounts have the form of the language', async () => {
    const data = { amount: 125_000_050, balance: 0 }
    expect((await render('money_received', 'en', data)).text).toContain('USD 1,250,000.50')
    expect((await render('money_received', 'pt', data)).text).toContain('USD 1.250.000,50')
    expect((await render('money_received', 'fr', data)).text).toContain('USD 1 250 000,50')
  })

  test('an appointment is shown by its own clock, and other moments by the person’s', async () => {
    const elsewhere = { timeZone: 'America/New_York' }
    const { text } = await render('appointment_reminder', 'en', {}, elsewhere)
    expect(text).toContain('When: Thursday, 24 September 2026 at 16:13 GMT+2')
    expect((await render('new_device', 'en', {}, elsewhere)).text).toContain('21 September 2026 at 10:13 GMT-4')
    expect((await render('new_device', 'pt')).text).toContain('segunda-feira, 21 de setembro de 2026 às 16:13 GMT+2')
    expect((await render('new_device', 'fr')).text).toContain('lundi 21 septembre 2026 à 16:13 UTC+2')
  })
})

describe('the mail', () => {
  test('shows a code large, to be copied, and once', async () => {
    const { html, text } = await render('code', 'en')
    expect(html).toMatch(/<p class="code" style="[^"]*user-select:all[^"]*">482913<\/p>/)
    expect(html).toContain('<p>Your code to open your account is</p>')
    expect(text).toContain('Your code to open your account is 482913.')
  })

  test.each(['code', 'withdrawal_code', 'password_reset'] as const)(
    'with a secret (%s) shows none of it in a list of mails',
    async (name) => {
      const { html } = await render(name, 'en')
      const preview = /<div style="display:none[^>]*>([^<]*)<\/div>/.exec(html)?.[1] ?? ''
      expect(preview).toStartWith('Open this message to read it.')
      expect(preview).not.toMatch(/\d{6}|https/)
      expect(html).not.toContain('<h1')
    },
  )

  test('makes a button of an address that stands alone, with the address below', async () => {
    const { html } = await render('password_reset', 'fr', { link: 'https://kumbu.example/r?a=1&b="2' })
    expect(html.match(/href="https:\/\/kumbu\.example\/r\?a=1&amp;b=&quot;2"/g)).toHaveLength(2)
    expect(html).toContain('>Continuer</a>')
  })

  test('emphasizes amounts and keeps sentences whole', async () => {
    const { html } = await render('money_received', 'en')
    expect(html).toContain('<p>Your balance is <strong style="white-space:nowrap">USD 480.00</strong>.</p>')
    expect(html).toContain('>You received USD 25.00</h1>')
  })

  test('loads nothing from anywhere', async () => {
    for (const [name, language] of all) {
      const { html } = await render(name, language, {}, { unsubscribeUrl: 'https://kumbu.example/u/1' })
      expect(html).not.toMatch(/<(?:img|link|script|iframe|object)|url\(|@import|src=/i)
    }
  })

  test('says how to hear no more, where that is possible', async () => {
    const unsubscribeUrl = 'https://kumbu.example/u/1?a=1&b=2'
    const news = await render('announcement', 'pt', {}, { unsubscribeUrl })
    expect(news.html).toContain('<a href="https://kumbu.example/u/1?a=1&amp;b=2"')
    expect(news.text).toEndWith(`Não receber mais mensagens deste tipo: ${unsubscribeUrl}`)
    expect((await render('code', 'pt')).html).not.toContain('Não receber mais')
  })

  test('keeps the lines of an announcement', async () => {
    const { html, text } = await render('announcement', 'en', { message: 'One.\r\n\r\nTwo <b>.' })
    expect(text).toContain('One.\n\nTwo <b>.')
    expect(html).toContain('<p>One.<br><br>Two &lt;b&gt;.</p>')
  })

  test('greets nobody by name if no name is known', async () => {
    expect((await render('welcome', 'en', {}, { name: undefined })).text).toStartWith('Hello,\n')
    expect((await render('welcome', 'pt', {}, { name: ' ' })).text).toStartWith('Olá,\n')
    expect((await render('welcome', 'fr', {}, { name: undefined })).text).toStartWith('Bonjour,\n')
    const { text } = await render('welcome', 'en', {}, { name: `${'Very '.repeat(60)}Long` })
    expect(text.split('\n')[0]?.length).toBeLessThan(80)
  })

  test('carries the name of the instance', async () => {
    const other = createTemplateEngine({ brand: 'Caixa & Filhos' })
    const facts = factsOf('welcome')
    const made = await other.render(builtInWords('welcome', 'en'), {
      data: {},
      language: 'en',
      timeZone: 'UTC',
      facts,
    })
    if (!made.ok) throw new Error(made.detail)
    expect(made.value.subject).toBe('Welcome to Caixa & Filhos')
    expect(made.value.html).toContain('Caixa &amp; Filhos')
  })
})

describe('on WhatsApp', () => {
  const short = { short: 'Kumbu: something happened.' }

  test('an ordinary template is filled with the short text', () => {
    expect(approvedTemplateOf('money_sent', 'pt', short, {})).toEqual({
      name: 'kumbu_money_sent',
      language: 'pt_PT',
      parameters: [short.short],
    })
  })

  test('a code fills the body and the button of an authentication template', () => {
    expect(approvedTemplateOf('code', 'en', short, { code: '482913' })).toEqual({
      name: 'kumbu_code',
      language: 'en',
      parameters: ['482913'],
      button: '482913',
    })
    expect(approvedTemplateOf('withdrawal_code', 'fr', short, { token: '4829135570' })).toMatchObject({
      name: 'kumbu_withdrawal_code',
      language: 'fr',
      button: '4829135570',
    })
  })

  test('a template of an operator’s own has a name that Meta takes', () => {
    expect(approvedTemplateOf('Loja Nova-2', 'en', short, {}).name).toBe('kumbu_loja_nova_2')
    expect(approvedTemplateOf('constructor', 'en', short, {}).parameters).toEqual([short.short])
  })
})

test('a name is known or not, whatever an object inherits', () => {
  expect(isTemplateName('code')).toBe(true)
  for (const name of ['toString', '__proto__', 'constructor', '']) expect(isTemplateName(name)).toBe(false)
})
