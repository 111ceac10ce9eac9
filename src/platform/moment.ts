/** Moments: milliseconds since 1970 within, and texts in UTC (RFC 3339) for whoever is outside. */

export const iso = (moment: number): string => new Date(moment).toISOString()

export const isoOrNull = (moment: number | null): string | null => (moment === null ? null : iso(moment))
