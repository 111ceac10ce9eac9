/** What words of a message that holds a secret may not do: lose it, hide it, or take it anywhere. */
import { describe, expect, test } from 'bun:test'
import { builtInWords, factsOf } from '../../../src/modules/notifications/templates/built-in'
import type { TemplateName } from '../../../src/modules/notifications/templates/built-in/data'
import { createTemplateEngine } from '../../../src/modules/notifications/templates/engine'
import { keepsSecret, soundWords } from '../../../src/modules/notifications/templates/soundness'
import { languages, type Words } from '../../../src/modules/notifications/templates/template'

const engine = createTemplateEngine({ brand: 'Kumbu' })

async function faultOf(name: TemplateName, part: Partial<Words>): Promise<string | undefined> {
  const words = { ...builtInWords(name, 'en'), ...part }
  const sound = await soundWords(engine, words, { facts: factsOf(name), language: 'en', timeZone: 'UTC' })
  return sound.ok ? undefined : `${sound.code}: ${sound.detail}`
}

describe('words of a secret', () => {
  test.each(['code', 'password_reset', 'withdrawal_code'] as const)('%s: the built-in ones are sound', async (name) => {
    for (const language of languages) expect(await faultOf(name, builtInWords(name, language))).toBeUndefined()
  })

  test('say it in the short text too, which is all that an SMS brings', async () => {
    const missing = 'template_invalid: The short text must hold the secret: an SMS says nothing else.'
    expect(await faultOf('code', { short: 'Look into your mail.' })).toBe(missing)
    expect(await faultOf('password_reset', { short: 'Look into your mail.' })).toBe(missing)
    expect(await faultOf('code', { text: 'Look into your phone.' })).toContain('The text must hold the secret')
    const { short: _short, ...rest } = builtInWords('password_reset', 'en')
    const facts = factsOf('password_reset')
    const sound = await soundWords(engine, rest, { facts, language: 'en', timeZone: 'UTC' })
    expect(sound).toMatchObject({ ok: false, code: 'template_invalid' })
    expect(await faultOf('welcome', { short: 'Hello.' })).toBeUndefined()
  })

  test.each([
    'Your code: {{ code }} https://evil.example/',
    'Your code: {{ code }} https://evil.example/?c={{ code }}',
    'evil.example/{{ code }} {{ code }}',
    '{{ code }}.evil.example',
  ])('name no other address: %s', async (text) => {
    expect(await faultOf('code', { text })).toStartWith('template_invalid')
    expect(await faultOf('code', { short: text })).toStartWith('template_invalid')
  })

  test.each([
    '{% unless code == "482913" %} https://evil.example/?c={{ code }}{% endunless %}',
    '{% if purpose and code != "482913" %}x{% endif %}',
    '{% if purpose == "x" %}x{% elsif code contains "9" %}x{% endif %}',
    '{% case code %}{% when "1" %}x{% endcase %}',
    '{% case purpose %}{% when code %}x{% endcase %}',
    '{% for digit in code %}x{% endfor %}',
    '{% for i in (1..code) %}x{% endfor %}',
    '{% if ["code"] == "1" %}x{% endif %}',
  ])('do not depend on it: %s', async (part) => {
    expect(await faultOf('code', { text: `{{ code }} ${part}` })).toBe(
      'template_invalid: The text cannot be used: a tag looks at "code", which may only be printed.',
    )
  })

  test('have no HTML of their own', async () => {
    expect(await faultOf('code', { html: '<p>{{ code }}</p>' })).toContain('no HTML of its own')
  })
})

test('a message keeps its secret whatever that is, or does not', () => {
  const said = (text: string) => ({ subject: 'A code', text, short: text, html: '' })
  expect(keepsSecret(said('It is 111111.'), { code: '111111' }).ok).toBe(true)
  expect(keepsSecret(said('It is 111111. https://evil.example'), { code: '111111' }).ok).toBe(false)
  expect(keepsSecret(said('It is 222222.'), { code: '111111' }).ok).toBe(false)
  expect(keepsSecret(said('Here: https://a.example/?t=1'), { link: 'https://a.example/?t=1' }).ok).toBe(true)
})
