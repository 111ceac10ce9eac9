/** Proves the books from nothing, on either engine, also while an instance is serving. */
import { verifyLedger } from '../modules/ledger'
import { openReader } from '../platform/db'
import { formatMoney } from '../platform/money'
import type { Verb } from '.'
import { locationOf } from './boot'

export const verifyLedgerVerb: Verb = {
  name: 'verify-ledger',
  summary: 'Compute every balance again from the entries, and name what differs; exit code 1 if anything does.',
  usage: 'verify-ledger [--json] [--data ./data]',
  flags: { json: 'Print the report as JSON.' },
  async run({ config, flags }) {
    const store = openReader(locationOf(config))
    try {
      const report = await verifyLedger(store)
      if (flags.json) {
        console.log(JSON.stringify(report))
        return report.ok ? 0 : 1
      }
      for (const { check, subject, detail } of report.findings) console.log(`WRONG  ${subject}: ${detail} (${check})`)
      for (const { currency, issued, trust } of report.totals) {
        console.log(`${formatMoney(issued, currency)} issued against ${formatMoney(trust, currency)} in trust`)
      }
      const { accounts, transfers, entries } = report
      console.log(
        `${accounts} accounts, ${transfers} transfers, ${entries} entries: ${report.ok ? 'all true' : `${report.findings.length} findings`}`,
      )
      return report.ok ? 0 : 1
    } finally {
      await store.close()
    }
  },
}
