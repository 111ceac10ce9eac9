/** The audit log as CSV (RFC 4180), page by page, so that a long log fits into little memory. */
import { iso } from '../../../platform/moment'
import type { AuditRow } from '../service/audit'

const PAGE = 500
const HEADER = 'id,at,actor,action,subject,outcome,address,detail\r\n'

export type NextPage = (page: { limit: number; after: string | undefined }) => Promise<AuditRow[]>

export function auditCsv(next: NextPage): Response {
  let after: string | undefined
  const encoder = new TextEncoder()
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(HEADER)),
    async pull(controller) {
      const rows = await next({ limit: PAGE, after })
      if (rows.length > 0) controller.enqueue(encoder.encode(rows.map(line).join('')))
      after = rows.at(-1)?.id
      if (rows.length < PAGE) controller.close()
    },
  })
  return new Response(stream, {
    headers: {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="audit-log.csv"',
    },
  })
}

function line({ id, at, actor, action, subject, outcome, address, detail }: AuditRow): string {
  const fields = [id, iso(at), actor, action, subject, outcome, address ?? '', JSON.stringify(detail)]
  return `${fields.map(field).join(',')}\r\n`
}

/** A field that begins like a formula is not one for the spreadsheet that opens the file (OWASP, CSV injection). */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
