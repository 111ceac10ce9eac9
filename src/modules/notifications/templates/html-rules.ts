/**
 * What the HTML of an operator's template may consist of: a list of elements and attributes that can neither run code
 * nor fetch anything but an image over https. Whatever is not on the list, or not written in the plainest way, is
 * refused, so that no two programs can read it differently.
 */
const ELEMENTS = new Set(
  (
    'a abbr b blockquote br caption code div em figcaption figure h1 h2 h3 h4 hr i img li ol p pre s small span strong ' +
    'sub sup table tbody td tfoot th thead tr u ul'
  ).split(' '),
)

const ATTRIBUTES = new Set(
  (
    'align alt aria-hidden aria-label bgcolor border cellpadding cellspacing class colspan dir height href lang rel ' +
    'role rowspan scope src start style target title type valign width'
  ).split(' '),
)

const TAG = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'))?)*)\s*\/?>/y
const ATTRIBUTE = /([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'))?/g

/** What a value that is not there yet stands as, while a template is looked at. */
export const UNKNOWN_VALUE = '\uFDD8'
/** The same for `{% … %}`. */
export const UNKNOWN_TAG = '\uFDD9'

const LINK = /^(?:https?:\/\/|mailto:|tel:|\uFDD8)/i
const IMAGE = /^(?:https:\/\/|\uFDD8)/i
/** Functions that only compute. Any other may fetch, and so may anything that hides its name behind an escape. */
const CSS_FUNCTIONS = /\b(?:rgba?|hsla?|calc)\(/gi
const CSS_REFUSED = /[(\\@&<]|\/\*/

/** What is wrong, as the end of a sentence; `undefined` if nothing is. */
export function faultOfHtml(html: string): string | undefined {
  let position = html.indexOf('<')
  while (position !== -1) {
    TAG.lastIndex = position
    const found = TAG.exec(html)
    if (found === null) return `it has markup that is not allowed or not whole: ${excerpt(html, position)}`
    const [whole, , name = '', attributes = ''] = found
    const element = name.toLowerCase()
    if (!ELEMENTS.has(element)) return `the element <${element}> is not allowed`
    const fault = faultOfAttributes(element, attributes)
    if (fault !== undefined) return fault
    position = html.indexOf('<', position + whole.length)
  }
  return undefined
}

function faultOfAttributes(element: string, attributes: string): string | undefined {
  for (const [, name = '', double, single] of attributes.matchAll(ATTRIBUTE)) {
    const attribute = name.toLowerCase()
    const value = double ?? single ?? ''
    if (!ATTRIBUTES.has(attribute)) return `the attribute ${attribute} is not allowed`
    if (attribute === 'href' && (element !== 'a' || !LINK.test(value))) {
      return 'a link may only lead to http, https, mailto or tel, and only from <a>'
    }
    if (attribute === 'src' && (element !== 'img' || !IMAGE.test(value))) return 'an image may only come over https'
    if (attribute === 'style' && CSS_REFUSED.test(value.replaceAll(CSS_FUNCTIONS, ''))) {
      return 'a style may name no address and hold no escapes or comments'
    }
  }
  return undefined
}

const excerpt = (html: string, position: number) =>
  JSON.stringify(html.slice(position, position + 30).replaceAll(/[\uFDD0-\uFDEF]/g, '…'))
