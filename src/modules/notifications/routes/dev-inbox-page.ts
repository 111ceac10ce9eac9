/** The development inbox as a page. */
import { escapeHtml, htmlPage } from '../../../platform/html'

interface ShownMessage {
  to: string
  subject: string
  text: string
  at: string
  channel: string
}

export function devInboxPage(messages: readonly ShownMessage[]): Response {
  const articles = messages.map(
    ({ to, subject, text, at, channel }) => `<article>
      <h2>${escapeHtml(subject)}</h2>
      <p>${escapeHtml(channel)} to ${escapeHtml(to)}, ${escapeHtml(at)}</p>
      <pre>${escapeHtml(text)}</pre>
    </article>`,
  )
  const body = articles.length === 0 ? '<p>Nothing was sent yet.</p>' : articles.join('')
  return htmlPage('Inbox', `<h1>Inbox</h1>${body}`)
}
