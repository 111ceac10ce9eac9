/** Which passwords are too well known, or too easily made up, to be chosen. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { commonPasswords, encoded } from '../../../scripts/common-passwords'
import { isCommonPassword } from '../../../src/modules/identity/service/common-passwords'

const FILE = join(import.meta.dir, '../../../src/modules/identity/service/common-passwords.bin')
// The passwords of the test world, of the documents and of the demo must stay good ones.
const A_WALK = 'a long walk to the sea'
const AMINA = { email: 'amina.macuacua1990@example.com', name: 'Amina Macuácua' }

type About = Parameters<typeof isCommonPassword>[1]

/** Those of the passwords that are refused. */
async function refusedOf(passwords: readonly string[], about?: About): Promise<string[]> {
  const answers = await Promise.all(passwords.map((password) => isCommonPassword(password, about)))
  return passwords.filter((_, i) => answers[i])
}

async function expectRefused(passwords: readonly string[], about?: About): Promise<void> {
  expect(await refusedOf(passwords, about)).toEqual([...passwords])
}

async function expectAccepted(passwords: readonly string[], about?: About): Promise<void> {
  expect(await refusedOf(passwords, about)).toEqual([])
}

describe('the list', () => {
  const all = [...commonPasswords()]

  test('the committed file is what the script makes of the installed package', () => {
    expect(Buffer.compare(encoded(all), readFileSync(FILE))).toBe(0)
  })

  test('it holds some hundred thousand passwords in less than a megabyte and a half', () => {
    expect(all.length).toBeGreaterThan(400_000)
    expect(readFileSync(FILE).length).toBeLessThan(1_500_000)
  })

  test('every password of the list is found: the first thousands, the last, and every hundredth', async () => {
    await expectRefused([...all.slice(0, 5_000), ...all.slice(-1_000), ...all.filter((_, i) => i % 100 === 0)])
  })

  test('passwords known from breaches are refused, in several languages', async () => {
    await expectRefused(['password', 'password1', 'iloveyou', 'sunshine', 'football1', 'letmein123', 'trustno1'])
    await expectRefused(['minhasenha', 'senha1234', 'jesuscristo', 'teamo123', 'motdepasse', 'azertyuiop', 'soleil123'])
  })

  test('whatever the capitals', async () => {
    await expectRefused(['Password1', 'PASSWORD1', 'pAsSwOrD1', 'SunShine', 'MotDePasse'])
  })

  test('in every Unicode spelling of the same letters', async () => {
    await expectRefused([
      'ｐａｓｓｗｏｒｄ',
      'Ｐａｓｓｗｏｒｄ１',
      '𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝',
      'ⓟⓐⓢⓢⓦⓞⓡⓓ',
      '１２３４５６７８',
      'paſſword',
    ])
  })

  test('with punctuation around them, and written twice', async () => {
    await expectRefused([
      'password123!',
      '!!password!!',
      ' password ',
      '"Sunshine"',
      'passwordpassword',
      'SunshineSunshine',
    ])
  })
})

describe('what anybody can make up', () => {
  test('one character again and again', async () => {
    await expectRefused([
      'aaaaaaaa',
      '00000000',
      '!!!!!!!!!!',
      '        ',
      'éééééééé',
      'AaAaAaAaA',
      '😀😀😀😀😀😀',
      'x'.repeat(128),
    ])
  })

  test('a row of digits, letters or keys, in either direction', async () => {
    await expectRefused(['12345678', '87654321', '1234567890', '0987654321', '34567890123', 'abcdefgh', 'ZYXWVUTS'])
    await expectRefused([
      'qwertyuiop',
      'poiuytrewq',
      'QWERTYUIOPASDF',
      'azertyuiop',
      'qwertzuiop',
      'asdfghjkl',
      'lkjhgfdsa',
    ])
    await expectRefused(['1qaz2wsx3edc4rfv', 'qazwsxedcrfv', '!@#$%^&*()'])
  })

  test('a short block again and again, the last one whole or not', async () => {
    await expectRefused([
      'abcabcabc',
      '20202020',
      'xk7xk7xk7',
      'xk7xk7xk',
      'lua!lua!lua!',
      'abcdefxabcdefx',
      '7k7k7k7k7',
    ])
  })

  test('a row or a block that is only a part of the password says nothing against it', async () => {
    await expectAccepted(['12345678 goats', 'qwertyuiop and me', 'abcabcabc went home', 'xk7qpm2vxk7qpm2v'])
  })

  test('the name of the program', async () => {
    await expectRefused(['kumbu2026', 'Kumbu-2026!', 'kumbukumbu', 'KUMBU 12345', 'kumbu.kumbu.1'])
    await expectAccepted(['kumbu-demo-2026', 'my kumbu is open'])
  })
})

describe('what belongs to the person', () => {
  test('the e-mail address, or what stands before its @', async () => {
    await expectRefused(['amina.macuacua1990@example.com', 'AMINA.MACUACUA1990@EXAMPLE.COM'], AMINA)
    await expectRefused(['amina.macuacua1990', 'aminamacuacua', 'Amina_Macuacua!', 'amina.macuacua2026'], AMINA)
    await expectRefused(['841234567'], { email: '841234567@example.com' })
  })

  test('the name, whole or in part, in any order, with accents or without', async () => {
    await expectRefused(
      ['Amina Macuácua', 'macuacua-amina', 'MacuácuaAmina7', 'amina1990', '1990amina!', 'macuacua'],
      AMINA,
    )
    await expectRefused(['Macua\u0301cua 84', 'ａｍｉｎａ2026', 'amina & kumbu', 'aminaamina'], AMINA)
    await expectRefused(['李小明1234567', '1990-Νίκος-1990'], { name: '李小明 Νίκος' })
  })

  test('is refused to nobody else', async () => {
    await expectAccepted(['Amina Macuácua', 'macuacua-amina', 'amina.macuacua1990@example.com'])
    await expectAccepted(['amina.macuacua1990'], { email: 'joao@example.com', name: 'João' })
  })

  test('may stand among other words', async () => {
    await expectAccepted(['amina walks to the sea', 'macuacua and a goat', 'example of a shop'], AMINA)
  })

  test('nothing known of a person refuses nothing', async () => {
    for (const about of [undefined, {}, { email: '', name: '' }, { email: '@', name: ' - ' }]) {
      await expectAccepted([A_WALK, '4827 1963 5508'], about)
    }
  })
})

describe('good passwords', () => {
  test('sentences, and what a password manager makes', async () => {
    await expectAccepted([A_WALK, 'the shop by the market', 'kumbu-demo-2026', 'the password of mallory'], AMINA)
    await expectAccepted(['correct horse battery staple', ` Une longue marche à la mer${'.'.repeat(100)} `])
    await expectAccepted([
      'Tr7$kQ2!vXz9',
      'gq4-Zt8-Lm2-Rw6',
      'uma cabra come a rede',
      'наша лодка у берега',
      '海辺までの長い散歩',
    ])
  })

  // The seed is fixed: 1 in 2.3 million would be taken for one of the list, and a test must not depend on luck.
  test('five thousand made at random, whoever the person is', async () => {
    const random = fc.stringMatching(/^[A-Za-z0-9]{14}$/)
    const person = fc.record({ email: fc.emailAddress(), name: fc.string({ minLength: 1, maxLength: 40 }) })
    const accepted = fc.asyncProperty(random, person, async (password, about) => {
      expect(await isCommonPassword(password, about)).toBe(false)
    })
    await fc.assert(accepted, { numRuns: 5_000, seed: 20_260_101 })
  })

  test('any text at all gets the same answer in its composed and its decomposed form', async () => {
    const text = fc.string({ maxLength: 128, unit: 'grapheme' })
    const same = fc.asyncProperty(text, text, async (password, name) => {
      const answer = await isCommonPassword(password, { name })
      expect(await isCommonPassword(password.normalize('NFD'), { name })).toBe(answer)
    })
    await fc.assert(same, { numRuns: 1_000, seed: 20_260_101 })
  })

  test('passphrases: none of twenty thousand is taken for one of the list', async () => {
    const words = ['goat', 'river', 'bread', 'mango', 'seven', 'canoe', 'cloud', 'drum', 'salt', 'lamp', 'palm', 'road']
    const phrases = Array.from({ length: 20_736 }, (_, i) =>
      [i, i / 12, i / 144, i / 1728]
        .map((n) => words[Math.floor(n) % 12])
        .join('-')
        .concat(`-${i}`),
    )
    await expectAccepted(phrases)
  })
})
