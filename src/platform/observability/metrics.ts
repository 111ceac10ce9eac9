/** Figures for Prometheus. Each part that has something to count is handed its counters from here. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  readonly registry: Registry
  readonly httpRequests: Counter<'method' | 'route' | 'status'>
  readonly httpDuration: Histogram<'method'>
  readonly storeBatchUnits: Histogram
  readonly storeBatchDuration: Histogram
  readonly storeRetries: Counter
  readonly ledgerTransfers: Counter<'type'>
  readonly ledgerRefusals: Counter<'code'>
  readonly events: Counter<'type'>
  readonly work: Counter<'kind' | 'outcome'>
  readonly workWaiting: Gauge<'state'>
  readonly messages: Counter<'channel' | 'outcome'>
  readonly messageWait: Histogram<'channel'>
  /** From where the state of each provider’s breaker is read when somebody asks for the figures. */
  readBreakers(from: () => Iterable<readonly [provider: string, state: keyof typeof BREAKER_FIGURES]>): void
}

const BREAKER_FIGURES = { closed: 0, half_open: 1, open: 2 }
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  let breakers: () => Iterable<readonly [string, keyof typeof BREAKER_FIGURES]> = () => []
  new Gauge({
    name: 'kumbu_provider_breaker',
    help: 'Whether a provider of messages is left alone: 0 no, 1 one message is let through to see, 2 yes.',
    labelNames: ['provider'],
    registers,
    // It changes by time alone, so it is read and not told.
    collect() {
      for (const [provider, state] of breakers()) this.set({ provider }, BREAKER_FIGURES[state])
    },
  })
  return {
    registry,
    httpRequests: new Counter({
      name: 'kumbu_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    httpDuration: new Histogram({
      name: 'kumbu_http_request_duration_seconds',
      help: 'Time from the first byte of a request to its answer.',
      labelNames: ['method'],
      buckets: SECONDS,
      registers,
    }),
    storeBatchUnits: new Histogram({
      name: 'kumbu_store_batch_units',
      help: 'Changes committed together.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    }),
    storeBatchDuration: new Histogram({
      name: 'kumbu_store_batch_duration_seconds',
      help: 'Time of a database transaction, its commit included.',
      buckets: SECONDS,
      registers,
    }),
    storeRetries: new Counter({
      name: 'kumbu_store_retries_total',
      help: 'Transactions run again after a conflict.',
      registers,
    }),
    ledgerTransfers: new Counter({
      name: 'kumbu_ledger_transfers_total',
      help: 'Transfers booked; one whose transaction was run again after a conflict counts again.',
      labelNames: ['type'],
      registers,
    }),
    ledgerRefusals: new Counter({
      name: 'kumbu_ledger_refusals_total',
      help: 'Movements the ledger refused.',
      labelNames: ['code'],
      registers,
    }),
    events: new Counter({
      name: 'kumbu_events_total',
      help: 'Events written to the outbox; counted like transfers.',
      labelNames: ['type'],
      registers,
    }),
    work: new Counter({
      name: 'kumbu_work_total',
      help: 'Deliveries of events and jobs, by how they ended.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    workWaiting: new Gauge({
      name: 'kumbu_work_waiting',
      help: 'Deliveries and jobs in the queue, waiting or dead.',
      labelNames: ['state'],
      registers,
    }),
    messages: new Counter({
      name: 'kumbu_messages_total',
      help: 'Messages handed to a channel, by how they ended.',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    messageWait: new Histogram({
      name: 'kumbu_message_wait_seconds',
      help: 'From when a message could go, quiet hours and gathering over, to when a provider took it.',
      labelNames: ['channel'],
      buckets: [0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200],
      registers,
    }),
    readBreakers(from) {
      breakers = from
    },
  }
}
