/** Pages that the server writes itself. Every value that is put into one is escaped. */
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string)

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.5rem; }
  article { border: 1px solid #8884; border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
  article h2 { font-size: 1rem; margin: 0; }
  article p { margin: .25rem 0; color: #888; }
  pre { white-space: pre-wrap; font: inherit; margin: .5rem 0 0; }
  label { display: block; margin: 1rem 0; }
  input, select, textarea { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .5rem; margin-top: .25rem; }
  button { font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #0a6; color: #fff; cursor: pointer; }
  button.quiet { background: #8883; color: inherit; padding: .35rem .7rem; }
  button:disabled { opacity: .5; cursor: wait; }
  section { border-top: 1px solid #8884; margin-top: 2rem; }
  h2 { font-size: 1.15rem; }
  h3 { font-size: 1rem; margin-top: 1.5rem; }
  details { margin: .5rem 0; }
  summary { cursor: pointer; }
  li { margin: .4rem 0; overflow-wrap: anywhere; }
  img { background: #fff; border-radius: .4rem; }
  code, .codes { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
  .choices button { margin: 0 .25rem .25rem 0; }
  input.inline { display: inline; width: auto; margin: 0; }
  dialog { max-width: 24rem; border: 1px solid #8886; border-radius: .6rem; padding: 1.25rem; }
  [role=status] { margin-top: 1rem; font-weight: 600; }
`

export interface PageOptions {
  /** The page sends a form to an address of ours. */
  formsToSelf?: boolean
  /** English, if nothing else is said. */
  language?: string
  status?: number
}

/** `script` is the address of a script of ours; inline scripts are refused by the page’s policy. */
export function htmlPage(
  title: string,
  body: string,
  script?: string,
  { formsToSelf = false, language = 'en', status = 200 }: PageOptions = {},
): Response {
  const scriptTag = script === undefined ? '' : `<script src="${escapeHtml(script)}" type="module"></script>`
  const page = `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
${scriptTag}
</head>
<body>${body}</body>
</html>
`
  return new Response(page, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'; form-action ${formsToSelf ? "'self'" : "'none'"}; frame-ancestors 'none'; base-uri 'none'`,
    },
  })
}
