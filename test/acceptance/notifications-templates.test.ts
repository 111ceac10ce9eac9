/** What messages say and which ways they take, as operators see and change it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createWorld, type Person, PIN, type World } from '../support/world'
import { expectProblem } from './answers'
import { as } from './messages'

let world: World
let operator: Person
let payer: Person
let reader: Person

beforeAll(async () => {
  world = await createWorld()
  operator = await world.person('operator')
  payer = await world.customer(1_000_000)
  reader = await world.person('customer', 'Rita')
  await world.app.settle()
})
afterAll(() => world.end())

const byOperator = (method: string, path: string, body?: unknown) =>
  as(world, operator, method, path, body === undefined ? {} : { body })
const template = async (name: string) => (await byOperator('GET', `templates/${name}`)).body
const words = (name: string, language = 'en') => `templates/${name}/words/${language}`
const save = (name: string, body: object, language = 'en') => byOperator('PUT', words(name, language), body)
const preview = (body: object) => byOperator('POST', 'templates/preview', body)

async function make(name: string, sample: object = {}): Promise<void> {
  expect((await byOperator('POST', 'templates', { name, sample })).status).toBe(201)
}

async function send(body: object): Promise<string> {
  const answer = await byOperator('POST', 'send', { to: reader.id, ...body })
  expect(answer.status).toBe(202)
  await world.app.settle()
  return answer.body.id
}

async function pay(): Promise<void> {
  const body = { to: reader.id, amount: 1_500, pin: PIN }
  expect((await as(world, payer, 'POST', '/api/v1/wallet/me/transfer', { body })).status).toBe(201)
}

const newestMail = async () => (await world.mailTo(reader.email))[0] as { subject: string; text: string }
const speak = (language: string) => as(world, reader, 'PUT', 'preferences', { body: { language } })

describe('the templates', () => {
  test('are listed, every message that Kumbu sends, with its sort, its languages and a sample', async () => {
    const { status, body } = await byOperator('GET', 'templates')
    expect(status).toBe(200)
    const find = (name: string) => body.items.find((each: { name: string }) => each.name === name)
    expect(body.items.length).toBeGreaterThan(25)
    expect(find('money_sent')).toMatchObject({
      category: 'money',
      builtIn: true,
      languages: ['en', 'pt', 'fr'],
      sample: { amount: 2_500, currency: 'USD' },
    })
    for (const { languages } of body.items) expect(languages).toEqual(['en', 'pt', 'fr'])
    expect(find('code').category).toBe('security')
  })

  test('can be shown one by one as they would arrive, in each language', async () => {
    const { items } = (await byOperator('GET', 'templates')).body
    for (const { name } of items) {
      const shown = await Promise.all(['en', 'pt', 'fr'].map((language) => preview({ template: name, language })))
      expect([name, shown.map(({ status }) => status)]).toEqual([name, [200, 200, 200]])
      const texts = shown.map(({ body }) => body.text)
      expect([name, new Set(texts).size]).toEqual([name, 3])
      for (const { body } of shown) {
        expect(body.html).toStartWith('<!doctype html>')
        expect(body.subject + body.short + body.text).not.toMatch(/{{|}}|{%|%}|undefined|NaN/)
      }
    }
  })

  test('are open to whoever reads what was sent; only operators change them', async () => {
    const support = await world.person('support')
    expect((await as(world, support, 'GET', 'templates')).status).toBe(200)
    expect((await as(world, support, 'GET', 'templates/welcome')).status).toBe(200)
    for (const [method, path, body] of [
      ['POST', 'templates', { name: 'mine' }],
      ['PATCH', 'templates/welcome', { sample: {} }],
      ['DELETE', 'templates/welcome', undefined],
      ['PUT', words('welcome'), { subject: 'a', text: 'b' }],
      ['POST', `${words('welcome')}/versions/1/restore`, {}],
      ['DELETE', words('welcome'), undefined],
      ['POST', 'templates/preview', { template: 'welcome' }],
      ['PUT', 'templates/welcome/route', { tracks: [[{ medium: 'email' }]] }],
      ['DELETE', 'templates/welcome/route', undefined],
    ] as const) {
      const options = body === undefined ? {} : { body }
      expectProblem(await as(world, support, method, path, options), 403, 'insufficient_scope')
      expectProblem(await as(world, reader, method, path, options), 403, 'insufficient_scope')
    }
    expectProblem(await as(world, reader, 'GET', 'templates'), 403, 'insufficient_scope')
  })
})

describe('a template of one’s own', () => {
  test('is made, has no words at first, is seen before it is saved, and then is sent', async () => {
    const made = await byOperator('POST', 'templates', { name: 'closing', sample: { day: 'Monday' } })
    expect({ status: made.status, body: made.body }).toEqual({
      status: 201,
      body: { name: 'closing', category: 'news', builtIn: false, languages: [], sample: { day: 'Monday' } },
    })
    const early = await byOperator('POST', 'send', { to: reader.id, template: 'closing', data: { day: 'Monday' } })
    expectProblem(early, 404, 'template_not_found')
    const draft = { subject: 'Closed on {{ day }}', text: 'We are closed on {{ day }}.\n\nBack soon.' }
    const seen = await preview({ template: 'closing', words: draft, name: 'Rita' })
    expect(seen.body).toMatchObject({
      language: 'en',
      subject: 'Closed on Monday',
      short: 'Closed on Monday',
      text: 'Hello Rita,\n\nWe are closed on Monday.\n\nBack soon.\n\nKumbu',
    })
    expect((await template('closing')).words).toEqual({})

    const saved = await save('closing', draft)
    await send({ template: 'closing', data: { day: 'Friday' } })

    expect(saved.body).toMatchObject({ version: 1, language: 'en', words: draft, author: operator.id })
    expect(await newestMail()).toMatchObject({ subject: 'Closed on Friday' })
    expect(await template('closing')).toMatchObject({ languages: ['en'], words: { en: draft } })
  })

  test('is said in the person’s language, and in another where there is none of theirs', async () => {
    await make('moving')
    await save('moving', { subject: 'We move', text: 'Soon.' })
    await save('moving', { subject: 'Vamos mudar', text: 'Em breve.' }, 'pt')
    for (const [language, subject] of [
      ['en', 'We move'],
      ['pt', 'Vamos mudar'],
      ['fr', 'We move'],
    ] as const) {
      await speak(language)
      await send({ template: 'moving' })
      expect((await newestMail()).subject).toBe(subject)
    }
    await speak('en')
  })

  test('has a name that no other has', async () => {
    await make('twice')
    expectProblem(await byOperator('POST', 'templates', { name: 'twice' }), 409, 'template_exists')
    expectProblem(await byOperator('POST', 'templates', { name: 'welcome' }), 409, 'template_exists')
    for (const name of ['Twice', 'a', '1st', 'two words', '../x', '__proto__', 'x'.repeat(61)])
      expectProblem(await byOperator('POST', 'templates', { name }), 422, 'validation_failed')
    expectProblem(
      await byOperator('POST', 'templates', { name: 'own', category: 'security' }),
      422,
      'validation_failed',
    )
    const sample = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`m${i}`, i]))
    expectProblem(await byOperator('POST', 'templates', { name: 'own', sample }), 422, 'validation_failed')
  })
})

describe('a template of one’s own that was a mistake', () => {
  const remove = (name: string) => byOperator('DELETE', `templates/${name}`)
  const change = (name: string, body: object) => byOperator('PATCH', `templates/${name}`, body)
  const audited = async (action: string, subject: string) =>
    (await world.app.identity.auditLog.search({ action, subject, limit: 10 })).map(({ actor }) => actor)

  test('is corrected: its sort and its sample, each alone', async () => {
    await make('typo', { dya: 'Monday' })
    const sampled = await change('typo', { sample: { day: 'Monday' } })
    expect([sampled.status, sampled.body]).toMatchObject([
      200,
      { name: 'typo', category: 'news', sample: { day: 'Monday' } },
    ])
    const sorted = await change('typo', { category: 'appointments' })
    expect(sorted.body).toMatchObject({ category: 'appointments', sample: { day: 'Monday' }, languages: [] })
    expect(await template('typo')).toMatchObject({ category: 'appointments', sample: { day: 'Monday' } })
    expect(await audited('template.change', 'typo')).toEqual([operator.id, operator.id])
  })

  test('keeps a sample that its words can be filled from', async () => {
    await make('filled', { day: 'Monday' })
    await save('filled', { subject: 'Em {{ day }}', text: 'x' }, 'pt')
    const refused = await change('filled', { sample: { night: 'Monday' } })
    expectProblem(refused, 422, 'template_data_missing')
    expect(refused.body.detail).toContain('"day"')
    expect((await template('filled')).sample).toEqual({ day: 'Monday' })
    expect((await change('filled', { sample: { day: 'Friday', night: 'x' } })).body.languages).toEqual(['pt'])
  })

  test('is removed with its words, its versions and its ways; its name is free again', async () => {
    await make('mistake')
    for (const subject of ['One', 'Two']) await save('mistake', { subject, text: 'x' })
    const tracks = [[{ medium: 'sms' }]]
    await byOperator('PUT', 'templates/mistake/route', { tracks })

    expect((await remove('mistake')).status).toBe(204)

    expectProblem(await byOperator('GET', 'templates/mistake'), 404, 'template_not_found')
    expectProblem(await remove('mistake'), 404, 'template_not_found')
    expectProblem(await save('mistake', { subject: 'x', text: 'x' }), 404, 'template_not_found')
    expect(await audited('template.delete', 'mistake')).toEqual([operator.id])
    await make('mistake')
    expect(await template('mistake')).toMatchObject({ languages: [], words: {} })
    expect((await byOperator('GET', words('mistake'))).body.items).toEqual([])
    expect((await byOperator('GET', 'templates/mistake/route')).body.own).toBe(false)
  })

  test('stays while messages of it wait to be sent', async () => {
    await make('awaited')
    await save('awaited', { subject: 'Soon', text: 'x' })
    await send({ template: 'awaited', sendAt: new Date(world.clock() + 60_000).toISOString() })
    expectProblem(await remove('awaited'), 409, 'template_in_use')
    world.clock.advance(60_000)
    expect((await newestMail()).subject).toBe('Soon')
    expect((await remove('awaited')).status).toBe(204)
  })

  test('stays while a message of it is still to come into an inbox', async () => {
    await make('coming')
    await save('coming', { subject: 'Soon', text: 'x' })
    await send({ template: 'coming', channels: ['in_app'], sendAt: new Date(world.clock() + 60_000).toISOString() })
    expectProblem(await remove('coming'), 409, 'template_in_use')
    world.clock.advance(60_000)
    expect((await remove('coming')).status).toBe(204)
  })

  test('is none that is built in: that neither goes nor changes its sort', async () => {
    expectProblem(await remove('welcome'), 409, 'template_built_in')
    expectProblem(await change('welcome', { category: 'news' }), 409, 'template_built_in')
    expectProblem(await remove('nothing_there'), 404, 'template_not_found')
    expectProblem(await change('nothing_there', { category: 'news' }), 404, 'template_not_found')
    await make('sorted')
    for (const body of [{ category: 'security' }, { name: 'other' }, { sample: 5 }])
      expectProblem(await change('sorted', body), 422, 'validation_failed')
  })
})

describe('words', () => {
  const MINE = { subject: 'Money: {{ amount | money: currency }}', text: 'From {{ from }}.', short: 'From {{ from }}' }

  test('of an operator hold for the next message, in that language alone, until they are taken back', async () => {
    await save('money_received', MINE)
    await pay()
    expect((await newestMail()).subject).toBe('Money: USD 15.00')
    expect((await as(world, reader, 'GET', 'inbox?limit=1')).body.items[0].text).toStartWith('From customer')
    await speak('pt')
    await pay()
    expect((await newestMail()).subject).toBe('Recebeu USD 15,00')
    await speak('en')

    const reset = await byOperator('DELETE', words('money_received'))
    await pay()

    expect(reset.body).toMatchObject({ version: 2, words: null, author: operator.id })
    expect((await newestMail()).subject).toBe('You received USD 15.00')
  })

  test('that are built in can be read, and saved as an operator’s own, each in each language', async () => {
    const { items } = (await byOperator('GET', 'templates')).body
    for (const { name } of items.filter(({ builtIn }: { builtIn: boolean }) => builtIn)) {
      const read = await byOperator('GET', `templates/${name}`)
      expect([name, read.status]).toEqual([name, 200])
      for (const language of ['en', 'pt', 'fr']) {
        const saved = await save(name, read.body.words[language], language)
        expect([name, language, saved.status, saved.body.words]).toEqual([
          name,
          language,
          200,
          read.body.words[language],
        ])
        expect((await byOperator('DELETE', words(name, language))).status).toBe(200)
      }
    }
  })

  test('of the greatest length that a template may have are taken, in any script', async () => {
    await make('long')
    const comment = (length: number) => `{% comment %}${'ж'.repeat(length - 40)}{% endcomment %}Text`
    const long = { subject: comment(10_000), text: comment(20_000), short: comment(10_000), html: comment(50_000) }
    expect((await preview({ template: 'long', words: long })).status).toBe(200)
    expect((await save('long', long)).status).toBe(200)
    expect((await template('long')).words.en).toEqual(long)
  })

  test('are kept in every version, newest first, with who wrote them; the audit log says so too', async () => {
    await make('versions')
    await save('versions', { subject: 'Versão', text: 'x' }, 'pt')
    const at = (i: number) => ({ subject: `Version ${i}`, text: 'x' })
    for (const i of [1, 2, 3]) await save('versions', at(i))
    await byOperator('DELETE', words('versions'))
    await save('versions', at(5))

    const { body } = await byOperator('GET', words('versions'))

    expect(body.items.map(({ version }: { version: number }) => version)).toEqual([5, 4, 3, 2, 1])
    expect(body.items.map(({ words }: { words: { subject: string } | null }) => words?.subject)).toEqual([
      'Version 5',
      undefined,
      'Version 3',
      'Version 2',
      'Version 1',
    ])
    expect(new Set(body.items.map(({ author }: { author: string }) => author))).toEqual(new Set([operator.id]))
    expect((await byOperator('GET', words('versions', 'fr'))).body).toEqual({ items: [], nextCursor: null })
    const noted = await world.app.identity.auditLog.search({ subject: 'versions en 5', limit: 10 })
    expect(noted).toMatchObject([{ actor: operator.id, action: 'template.save' }])
  })

  test('are listed page by page, however many versions there are', async () => {
    await make('many')
    for (let i = 1; i <= 12; i++) await save('many', { subject: `Version ${i}`, text: 'x' })
    const seen: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { status, body } = await byOperator('GET', `${words('many')}?limit=5${query}`)
      expect(status).toBe(200)
      seen.push(...body.items.map(({ version }: { version: number }) => version))
      cursor = body.nextCursor
    }
    expect(seen).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    expect((await byOperator('GET', `${words('many')}?limit=12`)).body.nextCursor).toBeNull()
    const foreign = Buffer.from('ntf_00000000000000000000').toString('base64url')
    for (const query of ['cursor=x', `cursor=${foreign}`])
      expectProblem(await byOperator('GET', `${words('many')}?${query}`), 400, 'cursor_invalid')
    expectProblem(await byOperator('GET', `${words('many')}?limit=101`), 422, 'validation_failed')
  })

  test('of a template of one’s own are taken back in each language but the last', async () => {
    await make('last')
    expectProblem(await byOperator('DELETE', words('last')), 409, 'template_wordless')
    await save('last', { subject: 'One', text: 'x' })
    await save('last', { subject: 'Um', text: 'x' }, 'pt')
    expect((await byOperator('DELETE', words('last'))).body).toMatchObject({ version: 2, words: null })
    expect((await template('last')).languages).toEqual(['pt'])
    expectProblem(await byOperator('DELETE', words('last', 'pt')), 409, 'template_wordless')
    expect((await template('last')).words.pt.subject).toBe('Um')
    await send({ template: 'last' })
    expect((await newestMail()).subject).toBe('Um')
  })

  const restore = (name: string, version: number | string, language = 'en') =>
    byOperator('POST', `${words(name, language)}/versions/${version}/restore`, {})

  test('of a version before hold again, as the newest', async () => {
    await make('again', { day: 'Monday' })
    const first = { subject: 'On {{ day }}', text: 'First.' }
    await save('again', first)
    await save('again', { subject: 'Second', text: 'x' })

    expect((await restore('again', 1)).body).toMatchObject({ version: 3, words: first, author: operator.id })

    expect((await template('again')).words.en).toEqual(first)
    const noted = await world.app.identity.auditLog.search({ subject: 'again en 3', limit: 10 })
    expect(noted).toMatchObject([{ actor: operator.id, action: 'template.save' }])
    await restore('again', 2)
    await byOperator('PATCH', 'templates/again', { sample: {} })
    expectProblem(await restore('again', 1), 422, 'template_data_missing')
  })

  test('of a version in which the built-in ones held are those', async () => {
    await save('float_issued', { subject: 'Mine', text: 'x' })
    const { version } = (await byOperator('DELETE', words('float_issued'))).body
    await save('float_issued', { subject: 'Mine again', text: 'x' })
    expect((await restore('float_issued', version)).body).toMatchObject({ version: version + 2, words: null })
    expect((await template('float_issued')).words.en.subject).toStartWith('Your float grew')
  })

  test('of a version that there is none of are not found', async () => {
    await make('none')
    expectProblem(await restore('none', 1), 404, 'version_not_found')
    expectProblem(await restore('nothing_there', 1), 404, 'template_not_found')
    for (const version of [0, -1, 1.5, 'x', 1_000_000_000])
      expectProblem(await restore('none', version), 422, 'validation_failed')
  })

  test('hold back in the same language for messages that wait already', async () => {
    await make('waits')
    await save('waits', { subject: 'Before', text: 'x' })
    await send({ template: 'waits', sendAt: new Date(world.clock() + 60_000).toISOString() })
    await save('waits', { subject: 'After', text: 'x' })
    world.clock.advance(60_000)
    expect((await newestMail()).subject).toBe('After')
  })

  test('may be HTML, in which values are text', async () => {
    await make('page', { name: 'Rita' })
    const html = '<h1>Hello {{ name }}</h1><p><a href="https://kumbu.example/">Look</a></p>'
    expect((await save('page', { subject: 'Page', text: 'Hello {{ name }}.', html })).status).toBe(200)
    const { body } = await preview({ template: 'page', data: { name: '<img src=x onerror=alert(1)>' } })
    expect(body.html).toContain('<h1>Hello &lt;img src=x onerror=alert(1)&gt;</h1>')
    expect(body.text).toContain('Hello <img src=x onerror=alert(1)>.')
  })

  describe('with a fault', () => {
    beforeAll(() => make('faulty', { day: 'Monday', days: ['Monday'] }))

    const faults: Record<string, [words: object, code: string, said: string]> = {
      'a value that is not closed': [{ subject: 'On {{ day' }, 'template_invalid', 'subject'],
      'a tag that is not closed': [{ text: '{% if day %}x' }, 'template_invalid', 'text'],
      'a tag that reads a file': [{ text: '{% include "/etc/passwd" %}' }, 'template_invalid', '"include"'],
      'a tag that lays itself out by another': [{ text: '{% layout "x" %}' }, 'template_invalid', '"layout"'],
      'a tag that sets values': [{ text: '{% assign a = 1 %}{{ a }}' }, 'template_invalid', '"assign"'],
      'a filter that there is none of': [{ text: '{{ day | shell }}' }, 'template_invalid', '"shell"'],
      'the insides of a value': [{ text: '{{ day.constructor.name }}' }, 'template_invalid', 'constructor'],
      'a prototype': [{ text: '{{ __proto__ }}' }, 'template_invalid', '__proto__'],
      'a value that the sample has not': [{ text: '{{ night }}' }, 'template_data_missing', '"night"'],
      'a list printed as a word': [{ text: '{{ days }}' }, 'template_invalid', 'list'],
      'a loop that hardly ends': [{ text: '{% for i in (1..99999) %}x{% endfor %}' }, 'template_invalid', '1000 times'],
      'an empty subject': [{ subject: ' ' }, 'template_invalid', 'empty'],
      'a subject of 201 characters': [{ subject: 'x'.repeat(201) }, 'template_invalid', '200 characters'],
      'a short text of 481': [{ short: 'x'.repeat(481) }, 'template_invalid', '480 characters'],
      'a script': [{ html: '<script>alert(1)</script>' }, 'template_invalid', '<script>'],
      'an event': [{ html: '<p onclick="x()">y</p>' }, 'template_invalid', 'onclick'],
      'a link that runs something': [{ html: '<a href="javascript:x()">y</a>' }, 'template_invalid', 'link'],
      'an image over http': [{ html: '<img src="http://example.com/x.png">' }, 'template_invalid', 'https'],
      'a style that fetches': [{ html: '<p style="background:url(//x)">y</p>' }, 'template_invalid', 'style'],
      'markup that is not whole': [{ html: '<p' }, 'template_invalid', 'markup'],
      'a frame': [{ html: '<iframe src="https://x.example"></iframe>' }, 'template_invalid', '<iframe>'],
    }
    for (const [name, [fault, code, said]] of Object.entries(faults)) {
      test(`${name}: neither saved nor shown, and the fault is named`, async () => {
        const body = { subject: 'On {{ day }}', text: 'Closed.', ...fault }
        const refused = await save('faulty', body)
        expectProblem(refused, 422, code)
        expect(refused.body.detail).toContain(said)
        expectProblem(await preview({ template: 'faulty', words: body }), 422, code)
        expect((await template('faulty')).words).toEqual({})
      })
    }

    test('too long, of another form, or with members that words have not', async () => {
      const text = 'x'
      for (const [body, pointer] of [
        [{ text }, '/subject'],
        [{ subject: 'x' }, '/text'],
        [{ subject: '', text }, '/subject'],
        [{ subject: 'x'.repeat(10_001), text }, '/subject'],
        [{ subject: 'x', text: 'x'.repeat(20_001) }, '/text'],
        [{ subject: 'x', text, short: 'x'.repeat(10_001) }, '/short'],
        [{ subject: 'x', text, html: 'x'.repeat(50_001) }, '/html'],
        [{ subject: 'x', text, footer: 'x' }, '/footer'],
        [{ subject: 5, text }, '/subject'],
      ] as const) {
        const answer = await save('faulty', body)
        expectProblem(answer, 422, 'validation_failed')
        expect(answer.body.errors[0].pointer).toBe(pointer)
      }
    })

    test('of a template or in a language that there is none of', async () => {
      const body = { subject: 'x', text: 'x' }
      expectProblem(await save('nothing_there', body), 404, 'template_not_found')
      expectProblem(await save('constructor', body), 404, 'template_not_found')
      expectProblem(await save('faulty', body, 'de'), 422, 'validation_failed')
      for (const path of [words('nothing_there'), 'templates/nothing_there', 'templates/nothing_there/route'])
        expectProblem(await byOperator('GET', path), 404, 'template_not_found')
      expectProblem(await byOperator('DELETE', words('nothing_there')), 404, 'template_not_found')
      expectProblem(await preview({ template: 'nothing_there' }), 404, 'template_not_found')
      expectProblem(await preview({ template: 'faulty', words: body, language: 'de' }), 422, 'validation_failed')
      expectProblem(await preview({ template: 'welcome', to: reader.id }), 422, 'validation_failed')
    })

    test('in what a value holds is none: it is shown as it stands', async () => {
      const draft = { subject: 'On {{ day }}', text: '{{ day }}' }
      const day = '{{ brand }}{% include "x" %}'
      const { status, body } = await preview({ template: 'faulty', words: draft, data: { day } })
      expect([status, body.subject]).toEqual([200, `On ${day}`])
      expectProblem(await preview({ template: 'faulty', words: draft, data: {} }), 422, 'template_data_missing')
    })
  })
})

describe('a route', () => {
  const route = (name: string) => `templates/${name}/route`
  const channelsOf = async (id: string) =>
    (await byOperator('GET', `messages/${id}`)).body.deliveries.map(
      ({ channel, track, step }: Record<string, unknown>) => `${channel} ${track}.${step}`,
    )

  test('is the built-in one until an operator sets another, which holds for the next message', async () => {
    await make('routed')
    await save('routed', { subject: 'x', text: 'x' })
    const builtIn = { template: 'routed', own: false, tracks: [['in_app'], ['push'], ['email']].map(trackOf) }
    expect((await byOperator('GET', route('routed'))).body).toEqual(builtIn)
    expect(await channelsOf(await send({ template: 'routed' }))).toEqual(['email 0.0'])
    const tracks = [[{ medium: 'sms', afterSeconds: 60 }, { medium: 'email' }], [{ medium: 'whatsapp' }]]

    const set = await byOperator('PUT', route('routed'), { tracks })

    expect(set.body).toEqual({ template: 'routed', own: true, tracks })
    expect((await byOperator('GET', route('routed'))).body).toEqual(set.body)
    const id = await send({ template: 'routed' })
    expect(await channelsOf(id)).toEqual(['sms 0.0', 'whatsapp 1.0'])
    expect((await as(world, reader, 'GET', 'inbox?limit=1')).body.items[0].id).not.toBe(id)
    expect((await byOperator('DELETE', route('routed'))).body).toEqual(builtIn)
    expect(await channelsOf(await send({ template: 'routed' }))).toEqual(['email 0.0'])
  })

  test('takes no code anywhere but to the address that it proves', async () => {
    const set = await byOperator('PUT', route('code'), { tracks: [[{ medium: 'sms' }]] })
    expect(set.status).toBe(200)
    const body = { name: 'Nia', email: 'nia@example.com', phone: '+258845550001', password: 'a long walk to the sea' }
    await world.call('POST', '/api/v1/auth/register', { body })
    expect((await world.mailTo('nia@example.com'))[0]?.subject).toMatch(/^\d{6} is your Kumbu code$/)
    expect(await world.mailTo('+258845550001')).toEqual([])
    await byOperator('DELETE', route('code'))
  })

  test('of another form is refused, and the one before stays', async () => {
    for (const tracks of [
      [],
      [[]],
      'email',
      [[{ medium: 'pigeon' }]],
      [[{ medium: 'email', afterSeconds: -1 }]],
      [[{ medium: 'email', afterSeconds: 86_401 }]],
      [[{ medium: 'email', success: 'read' }]],
      [[{ medium: 'email', to: 'all' }]],
      Array.from({ length: 7 }, () => [{ medium: 'email' }]),
      [Array.from({ length: 7 }, () => ({ medium: 'email' }))],
    ])
      expectProblem(await byOperator('PUT', route('welcome'), { tracks }), 422, 'validation_failed')
    expectProblem(await byOperator('PUT', route('welcome'), {}), 422, 'validation_failed')
    expect((await byOperator('GET', route('welcome'))).body.own).toBe(false)
    const tracks = [[{ medium: 'email' }]]
    expectProblem(await byOperator('PUT', route('nothing_there'), { tracks }), 404, 'template_not_found')
    expectProblem(await byOperator('DELETE', route('nothing_there')), 404, 'template_not_found')
  })

  test('that would leave somebody out is refused', async () => {
    const set = (template: string, tracks: object[][]) => byOperator('PUT', route(template), { tracks })
    const [email, sms, push, webhook] = ['email', 'sms', 'push', 'webhook'].map((medium) => ({ medium }))
    for (const [template, tracks] of [
      ['welcome', [[push], [{ medium: 'in_app' }]]],
      ['security_changed', [[webhook]]],
      ['code', [[email], [webhook]]],
      ['withdrawal_code', [[sms, push]]],
    ] as Array<[string, object[][]]>)
      expectProblem(await set(template, tracks), 422, 'route_unsafe')
    for (const tracks of [
      [[email, sms], [email]],
      [[sms, sms]],
      [[{ medium: 'email', success: 'delivered' }, sms]],
      [[{ medium: 'in_app', success: 'delivered' }], [email]],
    ] as object[][][])
      expectProblem(await set('welcome', tracks), 422, 'route_invalid')
    expect((await byOperator('GET', route('welcome'))).body.own).toBe(false)
  })

  test('is a decision that the audit log keeps', async () => {
    await byOperator('PUT', route('welcome'), { tracks: [[{ medium: 'email' }]] })
    await byOperator('DELETE', route('welcome'))
    const noted = await world.app.identity.auditLog.search({ action: 'template.route', subject: 'welcome', limit: 10 })
    expect(noted).toHaveLength(2)
    expect(new Set(noted.map(({ actor }) => actor))).toEqual(new Set([operator.id]))
  })
})

const trackOf = (media: readonly string[]) => media.map((medium) => ({ medium }))
