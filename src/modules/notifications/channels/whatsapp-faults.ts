/** What the codes of Meta’s Cloud API mean for a message ("Error codes" in Meta’s documentation). */
import type { FaultTable } from './faults'

/** Stands for code 100 with subcode 33. */
export const NO_SUCH_PHONE_ID = '100/33'

/**
 * No code makes a recipient invalid. 131026 is said of a number that is not on WhatsApp, but as well of a person who
 * has not accepted new terms or whose app is old: Meta does not tell which, and each may change tomorrow.
 */
export const FAULTS: FaultTable = {
  131026: ['refused', 'cannot be reached on WhatsApp'],
  131021: ['refused', 'sender and recipient are the same'],
  131030: ['refused', 'number not on the list of a test account'],
  131047: ['refused', 'outside the window for free text'],
  131049: ['refused', 'held back by Meta'],
  131050: ['refused', 'opted out of marketing'],
  130472: ['refused', 'held back by an experiment of Meta'],
  130497: ['refused', 'country not allowed to this account'],
  100: ['refused', 'invalid parameter'],
  131008: ['refused', 'parameter missing'],
  131009: ['refused', 'invalid parameter'],
  131051: ['refused', 'unsupported kind of message'],
  132000: ['refused', 'wrong number of template parameters'],
  132001: ['refused', 'no such template in this language'],
  132005: ['refused', 'text too long for the template'],
  132007: ['refused', 'template against Meta’s policy'],
  132012: ['refused', 'template parameter of a wrong form'],
  132015: ['refused', 'template paused'],
  132016: ['refused', 'template disabled'],
  132018: ['refused', 'template parameter of a wrong form'],

  0: ['ours', 'credentials refused'],
  3: ['ours', 'permission missing'],
  10: ['ours', 'permission missing'],
  190: ['ours', 'access token expired or revoked'],
  200: ['ours', 'permission missing'],
  33: ['ours', 'no such sender'],
  [NO_SUCH_PHONE_ID]: ['ours', 'no such sender'],
  368: ['ours', 'account blocked for a while'],
  131005: ['ours', 'access denied'],
  131031: ['ours', 'account locked'],
  131042: ['ours', 'payment method at fault'],
  131045: ['ours', 'sender not registered'],
  133010: ['ours', 'sender not registered'],

  4: ['limit', 'too many requests'],
  80007: ['limit', 'too many requests of the account'],
  130429: ['limit', 'too many messages'],
  131048: ['limit', 'limited because of complaints'],
  131056: ['limit_for_one', 'too many messages to this person'],

  1: ['passing', 'unknown error'],
  2: ['passing', 'provider out of service'],
  131000: ['passing', 'unknown error'],
  131016: ['passing', 'provider out of service'],
  131057: ['passing', 'sender under maintenance'],
}
