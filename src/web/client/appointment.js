/** The page behind the link of a message about an appointment: what it is, and what can be done about it. */
import { call, form, h, resume, signIn } from './common.js'

const place = document.getElementById('page')
const id = location.pathname.split('/').pop()
const path = `/appointments/${id}`

const STARS = ['1', '2', '3', '4', '5']

const when = ({ startsAt, timeZone }) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short', timeZone }).format(new Date(startsAt))
function money(amount, currency) {
  const { maximumFractionDigits: digits } = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
  }).resolvedOptions()
  return `${currency} ${(amount / 10 ** digits).toFixed(digits)}`
}

/** An act after which the page shows how things stand now. */
const act = (method, to, body) => async (fields) => {
  await call(method, `${path}${to}`, body === undefined ? {} : body(fields))
  await show()
}

const pinField = ['PIN', 'pin', { type: 'password', inputmode: 'numeric', maxlength: '6', autocomplete: 'off' }]

function offered({ deposit, offeredUntil }) {
  const until = new Date(offeredUntil).toLocaleTimeString(undefined, { timeStyle: 'short' })
  return [
    h('p', {}, `This place is kept for you until ${until}.`),
    form(
      undefined,
      deposit > 0 ? [pinField] : [],
      'Take it',
      act('POST', '/accept', ({ pin }) => (pin ? { pin } : {})),
    ),
    form(undefined, [], 'I do not want it', act('POST', '/decline')),
  ]
}

function cancel({ cancelUntil, deposit }) {
  const late = new Date(cancelUntil) < new Date()
  const kept = late && deposit > 0 ? ' It is too late to get the deposit back.' : ''
  return h(
    'details',
    {},
    h('summary', {}, 'Cancel it'),
    form(undefined, [], 'Cancel the appointment', act('POST', '/cancel')),
    kept === '' ? undefined : h('p', {}, kept),
  )
}

/** One paragraph: line ends are spaces to whoever reads it. */
const words = (area) => area.value.replaceAll(/\s+/g, ' ').trim()

function review() {
  const stars = h('select', { name: 'rating' }, ...STARS.toReversed().map((each) => h('option', { value: each }, each)))
  const text = h('textarea', { name: 'text', maxlength: '1000', rows: '4' })
  const written = form(
    'How was it?',
    [],
    'Send',
    act('PUT', '/review', () => ({
      rating: Number(stars.value),
      ...(words(text) === '' ? {} : { text: words(text) }),
    })),
  )
  written.prepend(
    h('label', {}, 'Stars, five are best ', stars),
    h('label', {}, 'In your words (may be left out)', text),
  )
  return written
}

const HOW_IT_STANDS = {
  offered: 'is offered to you',
  booked: 'is booked',
  completed: 'took place',
  missed: 'was missed',
  cancelled: 'was cancelled',
  declined: 'was declined',
  lapsed: 'went to somebody else',
}

async function show() {
  const appointment = await call('GET', path)
  const { status, startsAt, endsAt, deposit, currency, depositState } = appointment
  const isOver = new Date(endsAt) < new Date()
  place.replaceChildren(
    h('h1', {}, `${appointment.service.name} ${HOW_IT_STANDS[status] ?? status}`),
    h(
      'p',
      {},
      `${when(appointment)}, with ${appointment.staff.name}${appointment.place ? `, ${appointment.place}` : ''}`,
    ),
    ...(deposit > 0 ? [h('p', {}, `Deposit: ${money(deposit, currency)} (${depositState})`)] : []),
    ...(status === 'offered' ? offered(appointment) : []),
    ...(status === 'booked' && new Date(startsAt) > new Date() ? [cancel(appointment)] : []),
    ...(isOver && (status === 'booked' || status === 'completed') ? [review()] : []),
  )
}

async function begin() {
  if (!(await resume())) await signIn(place)
  await show()
}

begin().catch((error) => place.append(h('p', { role: 'status' }, error.message)))
