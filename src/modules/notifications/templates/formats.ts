/** Amounts and moments as each language writes them. */
import { formatMoney } from '../../../platform/money'
import type { Language } from './template'

/** Thousands and decimals. A plain space, because the no-break space would double the price of an SMS (GSM 03.38). */
const SEPARATORS: Record<Language, [thousands: string, decimals: string]> = {
  en: [',', '.'],
  pt: ['.', ','],
  fr: [' ', ','],
}

/** `USD 1,250.00`, `USD 1.250,00`, `USD 1 250,00`; `amount` in minor units. */
export function moneyIn(language: Language, amount: unknown, currency: unknown): string {
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount)) throw new Error('an amount is not a whole number')
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) throw new Error('"money" needs a currency')
  const [thousands, decimals] = SEPARATORS[language]
  return formatMoney(amount, currency).replaceAll(/[,.]/g, (sign) => (sign === ',' ? thousands : decimals))
}

const LOCALES: Record<Language, string> = { en: 'en-GB', pt: 'pt-PT', fr: 'fr-FR' }

const TIME = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
const DATE = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' } as const
const STYLES = {
  /** "Monday, 21 September 2026 at 16:13 GMT+2" */
  moment: { ...DATE, ...TIME, timeZoneName: 'short' },
  /** "Monday, 21 September 2026" */
  date: DATE,
  /** "21/09/2026": the same in every language, and short. */
  day: { day: '2-digit', month: '2-digit', year: 'numeric' },
  /** "16:13" */
  time: TIME,
} as const satisfies Record<string, Intl.DateTimeFormatOptions>

export type MomentStyle = keyof typeof STYLES
export const momentStyles = Object.keys(STYLES) as MomentStyle[]

const KEPT_FORMATS = 200
const formats = new Map<string, Intl.DateTimeFormat>()

function formatFor(style: MomentStyle, language: Language, timeZone: string): Intl.DateTimeFormat {
  const key = `${style} ${language} ${timeZone}`
  const known = formats.get(key)
  if (known) return known
  const made = new Intl.DateTimeFormat(LOCALES[language], { ...STYLES[style], timeZone })
  if (formats.size >= KEPT_FORMATS) formats.clear()
  formats.set(key, made)
  return made
}

/** `at` in milliseconds or as ISO 8601. */
export function momentIn(style: MomentStyle, language: Language, at: unknown, timeZone: unknown): string {
  if (typeof timeZone !== 'string') throw new Error(`"${style}" needs the name of a time zone`)
  const time = typeof at === 'string' ? Date.parse(at) : at
  // The range of a moment in ECMAScript, section 21.4.1.1.
  if (typeof time !== 'number' || !(Math.abs(time) <= 8.64e15)) throw new Error(`"${style}" was given no moment`)
  // Newer releases of ICU put narrow no-break spaces into times; a plain one is the same to a reader.
  return formatFor(style, language, timeZone)
    .format(time)
    .replaceAll(/[\u00A0\u202F]/g, ' ')
}
