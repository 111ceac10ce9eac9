/** Names of time zones: one judgement for settings, preferences and whatever else hangs on a clock at the wall. */

/** Whether it is the IANA name of a time zone, such as `Africa/Maputo`; a bare offset is none, because it knows no summer. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
