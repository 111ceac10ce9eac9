/**
 * The HTML of a mail: one column that a phone shows without zooming, in a table, because Outlook lays out with Word. It
 * loads nothing. Of the text it understands three things. A paragraph that is an address and nothing else becomes a
 * button. A paragraph that ends with `**482913**`, four to twelve letters or digits, shows them large, to be copied. A
 * line break within a paragraph stays. Amounts are emphasized.
 */
import { escapeHtml } from '../../../platform/html'
import { codeOf, marksToHtml, plain } from './marks'
import { phrases } from './phrases'
import type { Language } from './template'

export interface Mail {
  language: Language
  brand: string
  subject: string
  heading: string | undefined
  /** What a list of mails shows beside the subject. */
  preview: string
  greeting: string
  /** HTML. */
  body: string
  unsubscribeUrl: string | undefined
}

const LINK = /^https?:\/\/\S+$/
const SANS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace"
const AMOUNT = '<strong style="white-space:nowrap">'

/** Dark colours need a style sheet. A program that drops it shows the light ones. */
const STYLE = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #101513 !important; }
  .card { background: #1a211e !important; border-color: #2c3632 !important; }
  .words, .heading { color: #e6ece9 !important; }
  .brand { color: #4cc796 !important; }
  .code { background: #26302c !important; color: #ffffff !important; }
  .small { color: #9fada7 !important; }
  .words a, .small a { color: #6fd6ab !important; }
  .button, .button a { background: #1f9d6b !important; color: #06120c !important; }
}`

/** Keeps a program that shows the start of a mail in its list from going on to what comes next. */
const PREVIEW_END = '&#847;&zwnj;&nbsp;'.repeat(80)

export const bodyOf = (paragraphs: string[], language: Language): string =>
  paragraphs.map((paragraph) => paragraphOf(paragraph, language)).join('\n')

function paragraphOf(marked: string, language: Language): string {
  const address = plain(marked)
  if (LINK.test(address)) return button(address, language)
  const code = codeOf(marked)
  if (code === undefined) return `<p>${shown(marked, language)}</p>`
  const lead = code.lead === '' ? '' : `<p>${shown(code.lead, language)}</p>\n`
  return lead + codeBlock(code.code)
}

function shown(marked: string, language: Language): string {
  const html = marksToHtml(escapeHtml(marked), AMOUNT)
  // French sets a space before these signs, at which no line may end.
  return language === 'fr' ? html.replaceAll(/ (?=[:;?!](?: |$))/g, '&nbsp;') : html
}

const codeBlock = (code: string): string =>
  `<p class="code" style="margin:20px 0;padding:16px 8px 16px 12px;border-radius:8px;background:#eaf3ee;color:#10241b;font:700 30px/1.2 ${MONO};letter-spacing:4px;text-align:center;-webkit-user-select:all;user-select:all">${escapeHtml(code)}</p>`

function button(address: string, language: Language): string {
  const { open, orCopy } = phrases[language]
  const href = escapeHtml(address)
  return `<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:20px 0 12px"><tr>
<td class="button" bgcolor="#00754a" style="border-radius:8px;background:#00754a"><a href="${href}" style="display:inline-block;padding:14px 28px;border-radius:8px;color:#ffffff;font-weight:600;text-decoration:none">${open}</a></td>
</tr></table>
<p class="small" style="margin:0 0 20px;font-size:13px;line-height:1.4;color:#5b6963">${orCopy}<br><a href="${href}" style="color:#00754a;word-break:break-all">${href}</a></p>`
}

export function mailPage(mail: Mail): string {
  const { language, brand, subject, heading, preview, greeting, body, unsubscribeUrl } = mail
  const title =
    heading === undefined
      ? ''
      : `<h1 class="heading" style="margin:0 0 16px;font-size:22px;line-height:1.3;font-weight:700;color:#14201b">${escapeHtml(heading)}</h1>\n`
  return `<!doctype html>
<html lang="${language}" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>${escapeHtml(subject)}</title>
<style>${STYLE}
</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f1f4f2;-webkit-text-size-adjust:100%">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">${escapeHtml(preview)}${PREVIEW_END}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f1f4f2"><tr><td align="center" style="padding:16px 12px">
<!--[if mso]><table role="presentation" width="560" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px;margin:0 auto;text-align:left">
<tr><td class="brand" style="padding:4px 8px 12px;font:700 20px/1.3 ${SANS};color:#00754a">${escapeHtml(brand)}</td></tr>
<tr><td class="card words" bgcolor="#ffffff" style="padding:24px 20px 12px;border:1px solid #dfe6e2;border-radius:12px;background:#ffffff;font:16px/1.5 ${SANS};color:#1c2823;overflow-wrap:anywhere;word-break:break-word">
${title}<p style="margin-top:0">${escapeHtml(greeting)}</p>
${body}
<p>${escapeHtml(brand)}</p>
</td></tr>
${foot(unsubscribeUrl, language)}
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr></table>
</body>
</html>
`
}

/** Where messages of this kind are ended, if they can be. */
function foot(address: string | undefined, language: Language): string {
  if (address === undefined || !LINK.test(address)) return ''
  const link = `<a href="${escapeHtml(address)}" style="color:#5b6963">${phrases[language].unsubscribe}</a>`
  return `<tr><td class="small" style="padding:16px 8px;font:13px/1.4 ${SANS};color:#5b6963">${link}</td></tr>`
}
