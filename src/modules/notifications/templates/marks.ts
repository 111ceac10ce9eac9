/**
 * Between the engine and the layout a text carries marks: what of it is an amount, which of its line breaks and stars
 * came out of a value and so mean nothing. They are noncharacters (Unicode 17, section 23.7), which no text may hold,
 * and which are taken out of everything that comes in.
 */
const AMOUNT_OPEN = '\uFDD0'
const AMOUNT_CLOSE = '\uFDD1'
const VALUE_BREAK = '\uFDD2'
const VALUE_STAR = '\uFDD3'

const LINE_ENDS = /\r\n?|[\v\f\u0085\u2028\u2029]/g
/** Controls, embeddings, overrides and isolates of writing direction (UAX 9), noncharacters, and marks of no width. */
const NEVER_SHOWN = /(?!\n)\p{Cc}|[\u202A-\u202E\u2066-\u2069\u200B\u2060\uFEFF\uFDD0-\uFDEF\uFFFE\uFFFF]/gu
const BLANK_LINES = /\n[^\S\n]*(?:\n[^\S\n]*)+/
/** `**482913**` at the end of a paragraph, where a full stop may follow. */
const CODE = /\*\*([A-Za-z0-9]{4,12})\*\*(\.?)$/

/** Text as it may be shown: line ends are `\n`, and nothing in it works on what stands beside it. */
export const cleaned = (text: string): string =>
  text.toWellFormed().replaceAll(LINE_ENDS, '\n').replaceAll('\t', ' ').replaceAll(NEVER_SHOWN, '')

/** A value on one line, which no rule of the layout applies to. */
export const markedValue = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('*', VALUE_STAR)

/** For the filter `lines`: line breaks that stay, and still divide no paragraphs. */
export const keptLines = (text: string): string => text.trim().replaceAll('\n', VALUE_BREAK)

export const markedAmount = (text: string): string => AMOUNT_OPEN + text + AMOUNT_CLOSE

export const paragraphsOf = (marked: string): string[] =>
  marked
    .split(BLANK_LINES)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '')

/** The marked text as a person reads it. */
export const plain = (marked: string): string =>
  marked
    .replaceAll(/[\uFDD0\uFDD1]/g, '')
    .replaceAll(VALUE_BREAK, '\n')
    .replaceAll(VALUE_STAR, '*')

/** A paragraph as plain text: the stars around a code go. */
export const plainParagraph = (marked: string): string => plain(marked.replace(CODE, '$1$2'))

/** The code at the end of a paragraph, and what stands before it. */
export function codeOf(marked: string): { lead: string; code: string } | undefined {
  const found = CODE.exec(marked)
  if (found === null) return undefined
  return { lead: marked.slice(0, found.index).trim(), code: found[1] ?? '' }
}

/** What each mark becomes in HTML, in text that is escaped already. */
export const marksToHtml = (escaped: string, amountOpen: string): string =>
  escaped
    .replaceAll(AMOUNT_OPEN, amountOpen)
    .replaceAll(AMOUNT_CLOSE, '</strong>')
    .replaceAll(/[\n\uFDD2]/g, '<br>')
    .replaceAll(VALUE_STAR, '*')
