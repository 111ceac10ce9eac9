/**
 * Amounts are whole minor units (cents) together with an ISO 4217 currency, from 1 to 2^53-1 in requests. No amount is
 * ever a fraction, and no sum of amounts is ever rounded.
 */
export const LARGEST_AMOUNT = Number.MAX_SAFE_INTEGER

/** One hundredth of a percent of a whole, as rates are given. */
const BPS = 10_000n

/** `amount × bps / 10,000`, halves rounded up; exact for every amount. */
export function share(amount: number, bps: number): number {
  if (bps === 0) return 0
  return Number((BigInt(amount) * BigInt(bps) + BPS / 2n) / BPS)
}

const CURRENCIES = new Set(Intl.supportedValuesOf('currency'))

const digitsOf = new Map<string, number>()

/** How many digits stand after the point in a currency (ISO 4217, as ICU knows it); `undefined` if it is none. */
export function currencyDigits(currency: string): number | undefined {
  const known = digitsOf.get(currency)
  if (known !== undefined) return known
  if (!CURRENCIES.has(currency)) return undefined
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2
  digitsOf.set(currency, digits)
  return digits
}

/** "USD 1,250.00": for messages and terminals. */
export function formatMoney(amount: number, currency: string): string {
  const digits = currencyDigits(currency) ?? 2
  const negative = amount < 0
  const text = String(Math.abs(amount)).padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ',')
  const fraction = digits > 0 ? `.${text.slice(-digits)}` : ''
  return `${currency} ${negative ? '-' : ''}${whole}${fraction}`
}
