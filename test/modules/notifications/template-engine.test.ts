/** Words that operators write, and values that anybody may have chosen: neither may do more than be read. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTemplateEngine, type RenderOptions } from '../../../src/modules/notifications/templates/engine'
import type { Words } from '../../../src/modules/notifications/templates/template'

const engine = createTemplateEngine({ brand: 'Kumbu' })

const words = (part: Partial<Words>): Words => ({ subject: 'Subject', text: 'Text.', ...part })

const render = (part: Partial<Words>, data: Record<string, unknown> = {}, options: Partial<RenderOptions> = {}) =>
  engine.render(words(part), { data, language: 'en', timeZone: 'UTC', name: undefined, facts: {}, ...options })

async function made(...given: Parameters<typeof render>) {
  const result = await render(...given)
  if (!result.ok) throw new Error(result.detail)
  return result.value
}

/** What stands between greeting and signature. */
const textOf = async (text: string, data: Record<string, unknown> = {}) =>
  (await made({ text }, data)).text.replace(/^Hello,\n\n/, '').replace(/\n\nKumbu$/, '')

const fault = async (part: Partial<Words>) => {
  const result = await engine.check(words(part))
  return result.ok ? undefined : result.detail
}

/** The words can be kept, but come to nothing. */
async function failure(part: Partial<Words>, data: Record<string, unknown> = {}) {
  const result = await render(part, data)
  return result.ok ? undefined : `${result.code}: ${result.detail}`
}

describe('what words may use', () => {
  test('values, choices, loops with an end, remarks, and text as it stands', async () => {
    const text =
      '{% comment %}{{ secret }}{% endcomment %}{% if a %}{{ a | upcase }}{% elsif b %}b{% else %}c{% endif %}' +
      '{% unless b %}-{% endunless %}{% case a %}{% when "x", "y" %}xy{% else %}other{% endcase %}' +
      '{% for i in list %}{{ forloop.index }}{{ i.n }}{% endfor %}{% for i in (1..3) %}{{ i }}{% endfor %}' +
      '{% raw %}{{ a }}{% endraw %} {{ list | size }} {{ none | default: "d" }} {{ names | join: ", " }}'
    const data = { a: 'x', b: false, list: [{ n: 'p' }, { n: 'q' }], none: null, names: ['A', 'B'] }

    expect(await engine.check(words({ text }))).toEqual({
      ok: true,
      value: { variables: ['a', 'b', 'list', 'none', 'names'] },
    })
    expect(await textOf(text, data)).toBe('X-xy1p2q123{{ a }} 2 d A, B')
  })

  test('the name of the instance, which nobody has to give', async () => {
    expect(await engine.check(words({ text: '{{ brand }}' }))).toEqual({ ok: true, value: { variables: [] } })
    expect(await textOf('{{ brand }}', { brand: 'Other' })).toBe('Kumbu')
  })

  test('amounts and moments, of the person or of another place', async () => {
    const data = { amount: -123_456, currency: 'MZN', at: '2026-09-21T14:13:00Z', zone: 'Africa/Maputo' }
    expect(await textOf('{{ amount | money: currency }}', data)).toBe('MZN -1,234.56')
    expect(await textOf('{{ at | time }} {{ at | time: zone }}', data)).toBe('14:13 16:13')
    expect(await textOf('{{ at | date }}; {{ at | day }}', data)).toBe('Monday, 21 September 2026; 21/09/2026')
    expect(await textOf('{{ at | moment: zone }}', data)).toBe('Monday, 21 September 2026 at 16:13 GMT+2')
  })

  test.each([
    '{{ 1.5 | money: "USD" }}',
    '{{ "5" | money: "USD" }}',
    '{{ 5 | money }}',
    '{{ 5 | money: "dollars" }}',
    '{{ "soon" | moment }}',
    '{{ far | moment }}',
    '{{ 5 | moment: "Mars/Olympus" }}',
    '{{ 5 | moment: 7 }}',
    '{{ list }}',
    '{{ group }}',
    '{{ forloop }}',
  ])('%s fails, and makes no half of a message', async (text) => {
    const data = { list: [1], group: { a: 1 }, forloop: { a: 1 }, far: 1e300 }
    expect(await failure({ text }, data)).toStartWith('template_failed: The template failed: ')
  })

  test.each([
    ['{% include "x" %}', 'include'],
    ['{% render "x" %}', 'render'],
    ['{% layout "x" %}', 'layout'],
    ['{% block a %}{% endblock %}', 'block'],
    ['{% assign a = 1 %}', 'assign'],
    ['{% capture a %}x{% endcapture %}', 'capture'],
    ['{% increment a %}', 'increment'],
    ['{% cycle "a", "b" %}', 'cycle'],
    ['{% tablerow a in (1..2) %}{% endtablerow %}', 'tablerow'],
    ['{% liquid echo 1 %}', 'liquid'],
    ['{% echo 1 %}', 'echo'],
    ['{% script %}', 'script'],
    ['{{ a | raw }}', 'raw'],
    ['{{ a | json }}', 'json'],
    ['{{ a | inspect }}', 'inspect'],
    ['{{ a | append: "b" }}', 'append'],
    ['{{ a | replace: "b", a }}', 'replace'],
    ['{{ a | where_exp: "i", "i" }}', 'where_exp'],
    ['{{ a | constructor }}', 'constructor'],
    ['{{ a | __proto__ }}', '__proto__'],
    ['{{ a | toString }}', 'toString'],
  ])('%s is refused by its name', async (text, name) => {
    expect(await fault({ text })).toStartWith(`The text cannot be used: the `)
    expect(await fault({ text })).toContain(`"${name}" is not allowed (line 1, column 1`.slice(0, -10))
    expect(await failure({ text }, { a: 'a' })).toStartWith('template_failed')
  })

  test.each([
    '{{ a',
    '{% if a %}',
    '{% if a %}{% endfor %}',
    '{% raw %}',
    '{% comment %}',
    '{% endif %}',
    '{% for %}{% endfor %}',
    '{% for a b c %}{% endfor %}',
    '{% case %}{% endcase %}',
    '{% case a %}{% when %}{% endcase %}',
    '{{ }}',
    '{{ | upcase }}',
    '{{ a | }} {% %}',
    '{{ a b }}{{ c | upcase: }}{{ "',
    '{%',
    '{{ a.b. }}{{ a[ }}',
  ])('%s, which is not whole, is refused or harmless', async (text) => {
    const said = await fault({ text })
    if (said !== undefined) expect(said).toMatch(/^The text cannot be used: [^\n]+\.$/)
    const result = await render({ text }, { a: 'a', c: 'c' })
    expect(result.ok || result.code === 'template_failed' || result.code === 'template_data_missing').toBe(true)
  })

  test('the fault is named with its part and its place', async () => {
    expect(await fault({ text: 'One\n\nTwo {{ a | shout }}' })).toBe(
      'The text cannot be used: the filter "shout" is not allowed (line 3, column 5).',
    )
    expect(await fault({ short: '{% now %}' })).toBe(
      'The short cannot be used: the tag "now" is not allowed (line 1, column 1).',
    )
  })

  test('parts that are too long or empty are refused', async () => {
    expect(await fault({ subject: 'x'.repeat(201) })).toBe(
      'The subject cannot be used: it is longer than 200 characters.',
    )
    expect(await fault({ short: 'x'.repeat(481) })).toContain('longer than 480 characters')
    expect(await fault({ text: 'x'.repeat(20_001) })).toContain('longer than 20000 characters')
    expect(await fault({ html: 'x'.repeat(50_001) })).toContain('longer than 50000 characters')
    expect(await fault({ subject: 'x'.repeat(200), short: 'y'.repeat(480), text: 'z'.repeat(20_000) })).toBeUndefined()
    expect(await fault({ subject: ' \n' })).toBe('The subject cannot be used: it is empty.')
    expect(await failure({ subject: '{{ a }}' }, { a: ' ' })).toContain('subject came out empty')
  })
})

describe('values that are missing', () => {
  test.each([
    ['{{ amount }}', 'amount'],
    ['{{ a.b.c }}', 'a.b'],
    ['{% if other %}{% endif %}', 'other'],
    ['{% for i in items %}{% endfor %}', 'items'],
    ['{{ 5 | money: currency }}', 'currency'],
    ['{{ x | default: "y" }}', 'x'],
    ['{% for i in list %}{{ i.gone }}{% endfor %}', 'i.gone'],
  ])('%s names what it needs', async (text, variable) => {
    const result = await render({ text }, { a: {}, list: [{ here: 1 }] })
    expect(result).toMatchObject({ ok: false, code: 'template_data_missing', members: { variable } })
  })

  test('a value that is there and empty is not missing', async () => {
    expect(await textOf('[{{ a }}{{ b }}{{ c }}]', { a: null, b: '', c: 0 })).toBe('[0]')
  })
})

describe('nothing leads out of the data', () => {
  test.each([
    '{{ a.constructor }}',
    '{{ __proto__ }}',
    '{{ a.__proto__.polluted }}',
    '{{ a["constructor"]["prototype"] }}',
    '{{ constructor.constructor }}',
    '{{ a[b.prototype] }}',
    '{% for i in a.__defineGetter__ %}{% endfor %}',
  ])('%s is refused', async (text) => {
    expect(await fault({ text })).toContain('is no name of a value')
    expect(await failure({ text }, { a: 'x', b: {} })).toBeDefined()
  })

  test.each(['toString', 'hasOwnProperty', 'valueOf', 'constructor', '__proto__', 'length'])(
    'nor does a name that a value brings: %s',
    async (name) => {
      for (const text of ['{{ group[name] }}', '{{ word[name] }}', '{{ list[name] }}', '{{ none[name] }}']) {
        const data = { name, group: { x: 1 }, word: '', list: [], none: 5 }
        const result = await render({ text }, data)
        if (result.ok) expect(result.value.text).toMatch(/^Hello,\n\n(?:0\n\n)?Kumbu$/)
      }
      expect(await failure({ text: '{% for i in (1..2) %}{{ forloop[name] }}{% endfor %}' }, { name })).not.toBe('')
    },
  )

  test('functions, getters of classes and things without end are no data', async () => {
    const circle: Record<string, unknown> = {}
    circle.circle = circle
    expect(await failure({}, { call: () => 1 })).toContain('not plain values')
    expect(await failure({}, { circle })).toContain('not plain values')
    expect(await failure({ text: '{{ a }}' }, JSON.parse('{"__proto__":{"a":1}}'))).toContain('needs "a"')
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })
})

describe('templates that would not end', () => {
  const nested = (tag: string, end: string, times: number) => `${tag.repeat(times)}x${end.repeat(times)}`
  const quick = async (work: () => Promise<unknown>) => {
    const from = performance.now()
    await work()
    return performance.now() - from
  }

  test.each([
    ['a range without end', '{% for i in (1..999999999) %}x{% endfor %}'],
    ['a range of a size that a value names', '{% for i in (1..n) %}x{% endfor %}'],
    ['loops in loops', nested('{% for i in (1..900) %}', '{% endfor %}', 5)],
    ['loops of nothing in loops', '{% for i in (1..900) %}{% for j in (1..900) %}{% endfor %}{% endfor %}'],
    ['much text, many times', `{% for i in (1..999) %}${'x'.repeat(15_000)}{% endfor %}`],
    ['a value, many times', '{% for i in (1..999) %}{{ long }}{% endfor %}'],
    ['tags in tags', nested('{% if true %}', '{% endif %}', 700)],
    ['brackets in brackets', `{{ ${'a['.repeat(6_000)}1${']'.repeat(6_000)} }}`],
    ['parentheses in parentheses', `{{ ${'('.repeat(9_000)}1${')'.repeat(9_000)} }}`],
    ['very many tags', '{{1}}'.repeat(4_000)],
    ['very many filters', `{{ long ${'| upcase'.repeat(2_000)} }}`],
    ['joining the joined', `{{ many | join: long ${'| upcase '.repeat(100)}}}`],
  ])('%s: is refused or fails, soon', async (_what, text) => {
    const data = { n: 1e15, long: 'x'.repeat(10_000), many: Array.from({ length: 1_000 }, () => 'y'), a: [] }
    let said: string | undefined
    const took = await quick(async () => {
      said = (await fault({ text })) ?? (await failure({ text }, data))
    })
    expect(said ?? '').not.toBe('')
    expect(took).toBeLessThan(3_000)
  })

  test('a loop over what is there is fine', async () => {
    const items = Array.from({ length: 300 }, (_, i) => i)
    expect(await textOf('{% for i in items %}{{ i }},{% endfor %}', { items })).toEndWith('298,299,')
  })

  test.each([
    ['unclosed', '{{'.repeat(10_000)],
    ['half tags', '{%'.repeat(10_000)],
    ['quotes', `{{ ${'"'.repeat(9_999)} }}`],
    ['blank lines', '\n \n'.repeat(6_000)],
    ['stars', '**a'.repeat(6_000)],
    ['spaces', `x${' '.repeat(19_000)}y`],
  ])('text that is hard to read apart (%s) is read quickly', async (_what, text) => {
    expect(await quick(() => render({ text }))).toBeLessThan(2_000)
    expect(await quick(() => render({ html: `<p>${text}` }))).toBeLessThan(2_000)
  })

  test('whatever is typed, the engine answers', async () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      ' a ',
      '|',
      ':',
      '"',
      "'",
      '[',
      ']',
      '(',
      ')',
      '..',
      '.',
      ' if ',
      ' endif ',
      ' for ',
      ' in ',
      ' endfor ',
      ' case ',
      ' when ',
      ' endcase ',
      ' raw ',
      ' endraw ',
      ' comment ',
      ' or ',
      ',',
      '-',
      '\n',
      '<b>',
      '</b>',
      '<',
      ' money',
      ' 1',
      ' else ',
    )
    const source = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
    await fc.assert(
      fc.asyncProperty(source, async (text) => {
        const checked = await engine.check(words({ text, html: text }))
        expect(checked.ok || checked.code === 'template_invalid').toBe(true)
        expect(await render({ text, html: text }, { a: 'a' })).toHaveProperty('ok')
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('values are shown and never obeyed', () => {
  test('Liquid in a value stands there as it came', async () => {
    const a = '{{ secret }} {% for i in (1..9) %}x{% endfor %} {% raw %} {{ "a" | upcase }}'
    const { text, subject, short, html } = await made(
      { subject: '{{ a }}', text: 'Text: {{ a }}', short: '{{ a }}' },
      { a, secret: 'unseen' },
    )
    expect(text).toContain(`Text: ${a}`)
    expect([subject, short]).toEqual([a, a])
    expect(html).not.toContain('unseen')
  })

  test('a line end in a value begins no new paragraph, and no new header', async () => {
    const name = 'Bob\r\n\r\nhttps://evil.example\r\n\r\n**123456**\u2028Bcc: x@evil.example'
    const { subject, text, html } = await made({ subject: 'From {{ name }}', text: 'From {{ name }}.' }, { name })
    expect(subject).toBe('From Bob https://evil.example **123456** Bcc: x@evil.example')
    expect(text).toContain('\n\nFrom Bob https://evil.example **123456** Bcc: x@evil.example.\n\n')
    expect(html).not.toMatch(/<a |class="code" style/)
  })

  test('nor does it with the filter that keeps it', async () => {
    const message = 'One\n\nhttps://evil.example\n\n**123456**'
    const { html, text } = await made({ text: 'Said: {{ message | lines }}' }, { message })
    expect(text).toContain(`Said: ${message}`)
    expect(html).toContain('<p>Said: One<br><br>https://evil.example<br><br>**123456**</p>')
  })

  test('marks that turn the writing round, and those of the layout, are taken out', async () => {
    const name = 'a\u202Eb\u2066c\u0000d\u001Be\uFDD0f\uFDD3g\uFEFFh\uD800i\u0085j'
    expect(await textOf('{{ name }}', { name })).toBe('abcdefgh\uFFFDi j')
    const { text } = await made({}, {}, { name: 'Eve\u202E\r\nX' })
    expect(text).toStartWith('Hello Eve X,\n\n')
  })

  test('an address of another sort is no button', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is an address that a stranger may send.
    for (const link of ['javascript:alert(1)', 'data:text/html,x', 'HTTPS://', 'https://a b', 'x https://a', '${a}']) {
      expect((await made({ text: '{{ link }}' }, { link })).html).not.toContain('<a ')
    }
  })

  const anything = fc.string({ unit: 'grapheme', maxLength: 60 })
  const nasty = fc
    .array(
      fc.oneof(anything, fc.constantFrom('<script>', '">', "'", '&', '{{', '%}', '**', '\r\n\r\n', '--><p>', '\u202E')),
      {
        maxLength: 6,
      },
    )
    .map((parts) => parts.join(''))

  test('html holds no markup out of a value, and a subject is one line', async () => {
    const part = {
      subject: 'S {{ a }}',
      text: 'A {{ a }} b\n\n{{ b | lines }}\n\n**{{ a }}**',
      short: 'x {{ b }}',
    }
    const tagsOf = (html: string) => html.match(/<[^>]*>/g) ?? []
    const harmless = [await made(part, { a: 'x x', b: 'One\nTwo' }), await made(part, { a: 'ABC123', b: 'One' })]
    const own = new Set(harmless.flatMap(({ html }) => tagsOf(html)))
    await fc.assert(
      fc.asyncProperty(nasty, nasty, nasty, async (a, b, name) => {
        const { html, subject, short } = await made(part, { a, b }, { name })
        expect(subject).not.toMatch(/[\r\n\u2028\u2029\p{Cc}\u202A-\u202E]/u)
        expect(short).not.toMatch(/[\r\n]/)
        expect(tagsOf(html).filter((tag) => !own.has(tag))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('in the HTML of an operator neither', async () => {
    const html = '<p title="{{ a }}">{{ a }}</p><a href="https://x.example/?q={{ b }}">{{ b | lines }}</a>'
    const frame = (await made({ html }, { a: 'A', b: 'B' })).html
    const tags = (page: string) => page.match(/<(?!br)[a-z/][^\s>]*/g)
    await fc.assert(
      fc.asyncProperty(nasty, nasty, async (a, b) => {
        expect(tags((await made({ html }, { a, b })).html)).toEqual(tags(frame))
      }),
      { numRuns: 500 },
    )
  })

  test('text has the value, letter for letter', async () => {
    const value = anything.filter(
      (text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069\u200B\u2060\uFEFF]/u.test(text),
    )
    await fc.assert(
      fc.asyncProperty(value, async (a) => {
        expect((await made({ text: 'Value: [{{ a }}]' }, { a })).text).toContain(`Value: [${a}]`)
      }),
      { numRuns: 500 },
    )
  })
})

describe('the HTML of an operator', () => {
  test('may be laid out, hold links, and show images over https', async () => {
    const html =
      '<h2 style="color:#123; font-family: \'Segoe UI\', sans-serif">{{ title }}</h2>\n<p>Tea &amp; cake<br/>' +
      '<a href="https://x.example/{{ id }}" target="_blank">more</a> <A HREF=\'mailto:a@x.example\'>write</A></p>' +
      '<table role="presentation" width="100%"><tr><td style="background:rgb(1, 2, 3)">{% if a %}<b>a</b>{% endif %}</td></tr></table>' +
      '<img src="https://x.example/a.png" alt="{{ title }}" width="100">'
    expect(await fault({ html })).toBeUndefined()
    const page = (await made({ html }, { title: '"T" <1>', id: 'a/b', a: true })).html
    expect(page).toContain('&quot;T&quot; &lt;1&gt;</h2>')
    expect(page).toContain('<b>a</b>')
    expect(page).toContain('<p style="margin-top:0">Hello,</p>')
  })

  test.each([
    '<script>alert(1)</script>',
    '<SCRIPT src="https://x.example/x.js"></SCRIPT>',
    '<scr{{ a }}ipt>',
    '{% if a %}<scr{% endif %}ipt>',
    '{% raw %}<script>{% endraw %}',
    '{% raw %}<scr{% endraw %}ipt>x</script>',
    '<style>p{background:url(https://x.example)}</style>',
    '<iframe src="https://x.example"></iframe>',
    '<object data="https://x.example"></object>',
    '<embed src="https://x.example">',
    '<form action="https://x.example"><input name="pin"></form>',
    '<svg onload="alert(1)">',
    '<math><mi>',
    '<base href="https://x.example">',
    '<link rel="stylesheet" href="https://x.example">',
    '<meta http-equiv="refresh" content="0;url=https://x.example">',
    '<video src="https://x.example">',
    '<p onclick="alert(1)">',
    '<p ONMOUSEOVER=alert(1)>',
    '<p\nonclick\n=\n"x">',
    '<p/onclick="x">',
    '<p title="a"onclick="x">',
    '<p {{ a }}>',
    '<p title={{ a }}>',
    '<p title="x" {% if a %}onclick="x"{% endif %}>',
    '<{{ a }}>',
    '<a href="javascript:alert(1)">',
    '<a href=" javascript:alert(1)">',
    '<a href="java&#115;cript:alert(1)">',
    '<a href="&#106;avascript:alert(1)">',
    '<a href="jAvAsCrIpT:alert(1)">',
    '<a href="data:text/html,x">',
    '<a href="vbscript:x">',
    '<a href="//x.example">',
    '<a href="/settings">',
    '<a href="{% if a %}javascript{% endif %}:alert(1)">',
    '<p href="https://x.example">',
    '<img src="http://x.example/a.png">',
    '<img src="data:image/svg+xml,x">',
    '<img src="https://x.example/a.png" onerror="x">',
    '<img srcset="https://x.example/a.png">',
    '<table background="https://x.example/a.png">',
    '<p style="background:url(https://x.example)">',
    '<p style="background:u\\72l(https://x.example)">',
    '<p style="background:u/**/rl(x)">',
    '<p style="background:image-set(\'x\')">',
    '<p style="width:expression(alert(1))">',
    '<p style="background:&#117;rl(x)">',
    '<!-- a remark -->',
    '<!--[if mso]><script></script><![endif]-->',
    '<![CDATA[x]]>',
    '<?xml version="1.0"?>',
    '<p',
    '<p title="',
    'a < b',
    '<custom-element>',
    '<html><body>',
    '</script>',
  ])('%s is refused', async (html) => {
    expect(await fault({ html })).toMatch(/^The html cannot be used: .+\.$/)
    expect(await failure({ html }, { a: 'onclick' })).toStartWith('template_failed')
  })

  test('an address that comes out of a value is looked at again', async () => {
    const html = '<a href="{{ link }}">x</a>'
    expect(await fault({ html })).toBeUndefined()
    expect((await made({ html }, { link: 'https://x.example/?a=1&b="' })).html).toContain('?a=1&amp;b=&quot;"')
    for (const link of ['javascript:alert(1)', 'JaVaScript:x', 'data:x', '//x.example', '', ' https://x.example']) {
      expect(await failure({ html }, { link })).toContain('a link may only lead to')
    }
    expect(await failure({ html: '<img src="{{ a }}">' }, { a: 'http://x.example' })).toContain('image')
    expect(await failure({ html: '<p style="{{ a }}">' }, { a: 'background:url(x)' })).toContain('style')
  })
})

describe('lengths', () => {
  test('short text is one line of 480 characters at most, cut between words', async () => {
    const { short } = await made({ short: '{{ a }}\n {{ a }}' }, { a: 'many  words '.repeat(60) })
    expect(short.length).toBeLessThanOrEqual(480)
    expect(short).toMatch(/^(?:many words )+many(?: words)?\.\.\.$/)
  })

  test('a cut goes through no character', async () => {
    for (const lead of ['', 'x']) {
      const { short, subject } = await made({ subject: '{{ a }}', short: '{{ a }}' }, { a: lead + '😀'.repeat(400) })
      expect([short.length <= 480, subject.length <= 200]).toEqual([true, true])
      expect(short.isWellFormed() && subject.isWellFormed()).toBe(true)
    }
  })

  test('without a short text the subject stands for it', async () => {
    expect((await made({ subject: 'A {{ b }}' }, { b: 'B' })).short).toBe('A B')
  })
})
