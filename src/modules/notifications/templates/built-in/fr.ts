/**
 * The built-in words in French. Short texts keep to letters of GSM 03.38 (é, è, à and ù are among them, ç and ê are
 * not) where they read well so, because one other letter halves what fits into an SMS.
 */
import type { CodePurpose, SecurityChange } from '../../../identity'
import type { TransferType } from '../../../ledger'
import type { Words } from '../template'
import { choose, paragraphs } from './choose'
import type { DepositOutcome, StaffNews, TemplateName } from './data'

const purpose = choose<CodePurpose>('purpose', {
  verify_email: 'pour ouvrir votre compte',
  verify_phone: 'pour confirmer votre numéro de téléphone',
  change_email: 'pour confirmer votre nouvelle adresse e-mail',
  change_phone: 'pour confirmer votre numéro de téléphone',
  second_factor: 'pour vous connecter ou confirmer une modification',
})

const change = choose<SecurityChange>('change', {
  password_changed: 'Votre mot de passe a été modifié.',
  pin_changed: 'Votre PIN a été modifié.',
  email_changed: "L'adresse e-mail de votre compte a été modifiée.",
  phone_changed: 'Le numéro de téléphone de votre compte a été modifié.',
  phone_removed: 'Le numéro de téléphone de votre compte a été supprimé.',
  phone_taken_over: "Votre numéro de téléphone a été confirmé par un autre compte ; il n'est plus à vous ici.",
  totp_added: "Une application d'authentification a été associée à votre compte.",
  totp_removed: "L'application d'authentification a été retirée de votre compte.",
  email_factor_added: 'Les codes par e-mail sont désormais un second facteur de votre compte.',
  email_factor_removed: 'Les codes par e-mail ne sont plus un second facteur de votre compte.',
  sms_factor_added: 'Les codes par SMS sont désormais un second facteur de votre compte.',
  sms_factor_removed: 'Les codes par SMS ne sont plus un second facteur de votre compte.',
  passkey_added: "Une clé d'accès a été ajoutée à votre compte.",
  passkey_removed: "Une clé d'accès a été retirée de votre compte.",
  recovery_codes_made: 'De nouveaux codes de récupération ont été créés ; les anciens ne valent plus rien.',
  recovery_code_used: 'Un code de récupération a servi à se connecter à votre compte.',
  factors_reset: "L'opérateur a supprimé vos seconds facteurs, et toutes vos sessions ont été fermées.",
  api_key_made: 'Une clé API a été créée pour votre compte.',
  application_allowed: 'Une application a été autorisée à agir pour votre compte.',
  second_factor_locked:
    "Quelqu'un connaissant votre mot de passe a saisi dix codes erronés. Les codes sont bloqués un moment : changez de mot de passe.",
  sign_ins_failing:
    "Quelqu'un a essayé de nombreux mots de passe erronés sur votre compte. Il n'est pas bloqué, et personne n'est entré.",
  account_closed: 'Votre compte a été fermé.',
  endpoint_added: 'Vos messages sont désormais envoyés aussi à une adresse sur Internet.',
  endpoint_paused: 'Votre adresse sur Internet a refusé vingt messages de suite : indiquez-la de nouveau.',
  device_added: "Vos messages s'affichent désormais aussi sur un autre navigateur ou téléphone.",
})

const movement = choose<TransferType>(
  'type',
  {
    transfer: 'Transfert',
    deposit: 'Dépôt',
    withdrawal: 'Retrait',
    billpay: 'Paiement de facture',
    merchantpay: 'Paiement à un commerçant',
    disbursement: 'Décaissement',
    adjustment: 'Ajustement',
    reversal: 'Annulation',
    issuance: 'Émission de float',
  },
  'Mouvement',
)

const deposit = choose<DepositOutcome>('depositOutcome', {
  none: '',
  returned: 'Votre acompte de {{ deposit | money: currency }} vous a été rendu.',
  kept: "Votre acompte de {{ deposit | money: currency }} n'est pas rendu.",
})

const NOT_YOU = "Si ce n'était pas vous, appelez tout de suite votre opérateur."
/** Not where somebody else is at work already, and the words say what to do. */
const CALL = `{% unless change == "second_factor_locked" or change == "sign_ins_failing" %}${NOT_YOU}{% endunless %}`
const MINUTES = '{{ minutes }} {% if minutes == 1 %}minute{% else %}minutes{% endif %}'
const FEE = '{% if fee > 0 %}Les frais étaient de {{ fee | money: currency }}.{% endif %}'
const BALANCE = 'Votre solde est de {{ balance | money: currency }}.'
const BALANCE_SHORT = 'Solde: {{ balance | money: currency }}.'
const TRANSFER = 'Référence : {{ transferId }}'
const WITHDRAWAL = 'Référence : {{ withdrawalId }}'
const APPOINTMENT = 'Référence : {{ appointmentId }}'
const ALL_OF_IT = '{{ amount | plus: fee | money: currency }}'
const BACK = `${ALL_OF_IT} sont de nouveau à votre disposition.`
const WITH = '{% if staff != blank %} avec {{ staff }}{% endif %}'
const AT = '{% if place != blank %}\nLieu : {{ place }}{% endif %}'
const STARTS = '{{ startsAt | moment: timeZone }}'
const staffNews = choose<StaffNews>('what', {
  booked: 'Un nouveau rendez-vous avec vous',
  moved: "Un rendez-vous avec vous a changé d'heure",
  left: 'Un rendez-vous a quitté votre agenda',
  cancelled: 'Un rendez-vous avec vous a été annulé',
})
const STARTS_SHORT = '{{ startsAt | day: timeZone }} à {{ startsAt | time: timeZone }}'

const LEAD = 'Consultez-le ou annulez-le ici :'

const BOOKED = [
  `{{ service }}${WITH}\nDate : ${STARTS}, jusqu'à {{ endsAt | time: timeZone }}${AT}`,
  '{% if price > 0 %}Le prix est de {{ price | money: currency }}.{% endif %}{% if deposit > 0 %} Un acompte de {{ deposit | money: currency }} est bloqué.{% endif %}',
  "{% if cancelUntil %}Vous pouvez annuler sans rien perdre jusqu'au {{ cancelUntil | moment: timeZone }}.{% elsif deposit > 0 %}Si vous annulez, votre acompte n'est pas rendu.{% endif %}",
  APPOINTMENT,
  LEAD,
  '{{ link }}',
]

export const fr: Record<TemplateName, Words> = {
  code: {
    subject: '{{ code }} est votre code {{ brand }}',
    text: paragraphs(
      `Votre code{% if purpose %} ${purpose}{% endif %} est **{{ code }}**.`,
      `Il sert une seule fois, pendant ${MINUTES}. Ne le dites à personne, pas même à nous.`,
    ),
    short: `{{ brand }}: {{ code }} est votre code{% if purpose %} ${purpose}{% endif %}. ${MINUTES}, une fois. Ne le dites à personne.`,
  },
  welcome: {
    subject: 'Bienvenue chez {{ brand }}',
    text: paragraphs(
      'Votre compte est ouvert.',
      "Choisissez maintenant un PIN : il autorise chaque paiement, et personne d'autre ne le connaît.",
    ),
    short: '{{ brand }}: votre compte est ouvert. Choisissez maintenant un PIN: il autorise chaque paiement.',
  },
  registration_repeated: {
    subject: 'Vous avez déjà un compte',
    text: paragraphs(
      "Quelqu'un a essayé de s'inscrire avec votre adresse e-mail. Vous avez déjà un compte : connectez-vous.",
      NOT_YOU,
    ),
  },
  sessions_revoked: {
    subject: 'Votre session a été fermée',
    text: paragraphs(
      'Une connexion déjà utilisée est revenue une seconde fois ; par sécurité, nous avons mis fin à cette session. Connectez-vous de nouveau.',
      NOT_YOU,
    ),
    short: `{{ brand }}: votre session a été fermée par sécurité. Connectez-vous de nouveau. ${NOT_YOU}`,
  },
  password_reset: {
    subject: 'Choisissez un nouveau mot de passe',
    text: paragraphs(
      "Quelqu'un, nous espérons que c'est vous, a demandé un nouveau mot de passe. Choisissez-le ici :",
      '{{ link }}',
      `Le lien sert une seule fois, pendant ${MINUTES}. Si ce n'était pas vous, ne faites rien : votre mot de passe reste le même.`,
    ),
    short: `{{ brand }}: choisissez un nouveau mot de passe sous ${MINUTES} : {{ link }}`,
  },
  password_changed: {
    subject: 'Votre mot de passe a été modifié',
    text: paragraphs('Votre mot de passe a été modifié, et les autres appareils ont été déconnectés.', NOT_YOU),
    short: `{{ brand }}: votre mot de passe a été modifié. ${NOT_YOU}`,
  },
  new_device: {
    subject: 'Connexion depuis un nouvel appareil',
    text: paragraphs(
      "Quelqu'un s'est connecté à votre compte depuis un appareil que vous n'aviez jamais utilisé :",
      '{{ userAgent }}, depuis {{ address }}, le {{ at | moment }}',
      "Si c'était vous, il n'y a rien à faire. Sinon, changez tout de suite de mot de passe et déconnectez tous les appareils.",
    ),
    short:
      "{{ brand }}: un nouvel appareil s'est connecté à votre compte. Si ce n'est pas vous, changez tout de suite de mot de passe.",
  },
  security_changed: {
    subject: change,
    text: paragraphs(change, CALL),
    short: `{{ brand }}: ${change} ${CALL}`,
  },
  money_sent: {
    subject: 'Vous avez envoyé {{ amount | money: currency }}',
    text: paragraphs('Vous avez envoyé {{ amount | money: currency }} à {{ to }}.', FEE, BALANCE, TRANSFER, NOT_YOU),
    short: `{{ brand }}: vous avez envoyé {{ amount | money: currency }} à {{ to }}. ${BALANCE_SHORT}`,
  },
  money_received: {
    subject: 'Vous avez reçu {{ amount | money: currency }}',
    text: paragraphs('{{ from }} vous a envoyé {{ amount | money: currency }}.', BALANCE, TRANSFER),
    short: `{{ brand }}: {{ from }} vous a envoyé {{ amount | money: currency }}. ${BALANCE_SHORT}`,
  },
  cash_in: {
    subject: 'Vous avez reçu {{ amount | money: currency }}',
    text: paragraphs(
      '{{ from }} a encaissé votre argent et a crédité {{ amount | money: currency }}.',
      BALANCE,
      TRANSFER,
    ),
    short: `{{ brand }}: {{ from }} a encaissé votre argent et a crédité {{ amount | money: currency }}. ${BALANCE_SHORT}`,
  },
  float_issued: {
    subject: 'Votre float a augmenté de {{ amount | money: currency }}',
    text: paragraphs('Votre float est maintenant de {{ balance | money: currency }}.', TRANSFER),
    short:
      "{{ brand }}: votre float a augmenté de {{ amount | money: currency }} et s'élève à {{ balance | money: currency }}.",
  },
  low_float: {
    subject: 'Votre float est bas : {{ balance | money: currency }}',
    text: paragraphs(
      'Votre float est de {{ balance | money: currency }}, en dessous du seuil de {{ threshold | money: currency }} à partir duquel les agents sont avertis.',
      'Réapprovisionnez-le avant de devoir refuser un client.',
    ),
    short: '{{ brand }}: votre float est bas: {{ balance | money: currency }}.',
  },
  withdrawal_requested: {
    subject: 'Un retrait de {{ amount | money: currency }} vous attend',
    text: paragraphs(
      `${ALL_OF_IT} sont bloqués jusqu'à ce que vous preniez l'argent, que vous annuliez, ou que le code de retrait expire.`,
      WITHDRAWAL,
      NOT_YOU,
    ),
    short: '{{ brand }}: un retrait de {{ amount | money: currency }} vous attend.',
  },
  withdrawal_code: {
    subject: 'Votre code pour retirer {{ amount | money: currency }}',
    text: paragraphs(
      'Votre code à usage unique est **{{ token }}**.',
      "Il permet de retirer {{ amount | money: currency }} une seule fois, jusqu'au {{ expiresAt | moment }}. Ne le montrez qu'à l'agent qui vous paie.",
      `{% if fee > 0 %}Les frais sont de {{ fee | money: currency }}. {% endif %}D'ici là, ${ALL_OF_IT} sont bloqués.`,
      WITHDRAWAL,
      NOT_YOU,
    ),
    short:
      "{{ brand }}: {{ token }} est votre code pour retirer {{ amount | money: currency }} avant {{ expiresAt | time }}. Ne le montrez qu'à l'agent qui vous paie.",
  },
  withdrawal_paid: {
    subject: 'Vous avez retiré {{ amount | money: currency }}',
    text: paragraphs('{{ by }} vous a payé {{ amount | money: currency }} en espèces.', FEE, WITHDRAWAL, NOT_YOU),
    short: '{{ brand }}: {{ by }} vous a payé {{ amount | money: currency }} en espèces.',
  },
  withdrawal_paid_out: {
    subject: 'Vous avez payé {{ amount | money: currency }}',
    text: paragraphs(
      'Vous avez payé {{ amount | money: currency }} en espèces à {{ customer }} ; votre float a augmenté du même montant.',
      '{% if commission > 0 %}Votre commission était de {{ commission | money: currency }}.{% endif %}',
      WITHDRAWAL,
    ),
    short: '{{ brand }}: vous avez payé {{ amount | money: currency }} en espèces à {{ customer }}.',
  },
  withdrawal_cancelled: {
    subject: 'Votre retrait a été annulé',
    text: paragraphs(BACK, WITHDRAWAL),
    short: `{{ brand }}: votre retrait a été annulé. ${BACK}`,
  },
  withdrawal_expired: {
    subject: 'Votre code de retrait a expiré',
    text: paragraphs(BACK, WITHDRAWAL),
    short: `{{ brand }}: votre code de retrait a expiré. ${BACK}`,
  },
  withdrawal_reversed: {
    subject: 'Votre retrait a été contrepassé',
    text: paragraphs(
      `L'argent n'a pas été remis ; ${ALL_OF_IT} sont donc revenus dans votre portefeuille, frais compris.`,
      WITHDRAWAL,
    ),
    short: `{{ brand }}: votre retrait a été contrepassé. ${BACK}`,
  },
  receipt: {
    subject: 'Reçu : {{ amount | money: currency }}',
    text: paragraphs(
      `${movement} : {{ amount | money: currency }}`,
      '{{ at | moment }}',
      FEE,
      'Votre solde après ce mouvement était de {{ balance | money: currency }}.',
      TRANSFER,
    ),
    short: `{{ brand }}: mouvement de {{ amount | money: currency }}. ${BALANCE_SHORT}`,
  },
  appointment_confirmation: {
    subject: 'Votre rendez-vous : {{ service }}',
    text: paragraphs('Votre rendez-vous est réservé.', ...BOOKED),
    short: `{{ brand }}: votre rendez-vous {{ service }} est réservé pour le ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_moved: {
    subject: 'Votre rendez-vous a été déplacé : {{ service }}',
    text: paragraphs('Votre rendez-vous a un nouvel horaire.', ...BOOKED),
    short: `{{ brand }}: votre rendez-vous {{ service }} est déplacé au ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_cancelled: {
    subject: 'Votre rendez-vous a été annulé : {{ service }}',
    text: paragraphs(
      "Ce rendez-vous n'aura pas lieu :",
      `{{ service }}${WITH}\nDate : ${STARTS}${AT}`,
      '{% if reason != blank %}Motif : {{ reason }}{% endif %}',
      deposit,
      APPOINTMENT,
      'Consultez-le ici :',
      '{{ link }}',
    ),
    short: `{{ brand }}: votre rendez-vous {{ service }} du ${STARTS_SHORT} est annulé.`,
  },
  appointment_reminder: {
    subject: 'Votre rendez-vous approche : {{ service }}',
    text: paragraphs(
      'Nous vous attendons :',
      `{{ service }}${WITH}\nDate : ${STARTS}${AT}`,
      APPOINTMENT,
      LEAD,
      '{{ link }}',
    ),
    short: `{{ brand }}: nous vous attendons pour {{ service }} le ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_missed: {
    subject: 'Rendez-vous manqué : {{ service }}',
    text: paragraphs(
      'Ce rendez-vous a été manqué :',
      `{{ service }}\nDate : ${STARTS}`,
      deposit,
      APPOINTMENT,
      "Si ce n'est pas exact, dites-le-nous.",
    ),
    short: `{{ brand }}: rendez-vous manqué pour {{ service }} le ${STARTS_SHORT}.`,
  },
  appointment_for_staff: {
    subject: `${staffNews} : {{ service }}`,
    text: paragraphs(`${staffNews}.`, `{{ service }} pour {{ customer }}\nDate : ${STARTS}`, APPOINTMENT),
    short: `{{ brand }}: ${staffNews} : {{ service }}, {{ customer }}, ${STARTS_SHORT}.`,
  },
  deposit_taken: {
    subject: 'Votre acompte a été prélevé : {{ deposit | money: currency }}',
    text: paragraphs(
      'Votre acompte de {{ deposit | money: currency }} pour {{ service }} a été prélevé.',
      APPOINTMENT,
      "Si ce n'est pas exact, dites-le-nous.",
    ),
    short: '{{ brand }}: votre acompte de {{ deposit | money: currency }} pour {{ service }} est prélevé.',
  },
  deposit_received: {
    subject: 'Vous avez reçu {{ deposit | money: currency }}',
    text: paragraphs("Vous avez reçu l'acompte de {{ deposit | money: currency }} pour {{ service }}.", APPOINTMENT),
    short: '{{ brand }}: vous avez un acompte de {{ deposit | money: currency }} pour {{ service }}.',
  },
  deposit_refunded: {
    subject: 'Votre acompte est rendu : {{ deposit | money: currency }}',
    text: paragraphs(
      'Votre acompte de {{ deposit | money: currency }} pour {{ service }} vous a été rendu.',
      APPOINTMENT,
    ),
    short: '{{ brand }}: votre acompte de {{ deposit | money: currency }} pour {{ service }} est rendu.',
  },
  appointment_place_free: {
    subject: 'Une place est libre : {{ service }}',
    text: paragraphs(
      "Une place s'est libérée :",
      `{{ service }}\nDate : ${STARTS}`,
      "Elle vous est gardée jusqu'au {{ offeredUntil | moment: timeZone }}. Prenez-la ici :",
      '{{ link }}',
    ),
    short: `{{ brand }}: une place est libre pour {{ service }} le ${STARTS_SHORT}. Prenez-la ici : {{ link }}`,
  },
  review_request: {
    subject: "Comment cela s'est-il passé ? {{ service }}",
    text: paragraphs(
      `Comment s'est passé votre rendez-vous{% if staff != blank %} avec {{ staff }}{% endif %} ({{ service }}) ? Une minute de votre temps nous aide :`,
      '{{ link }}',
    ),
    short: '{{ brand }}: votre avis sur {{ service }} nous aide. Donnez-le ici : {{ link }}',
  },
  digest: {
    subject: "Ce qui s'est passé : {{ count }} {% if count == 1 %}message{% else %}messages{% endif %}",
    text: paragraphs(
      'Ce qui vous attendait :',
      '{% for item in items %}Le {{ item.at | moment }}\n{{ item.short }}\n\n{% endfor %}',
    ),
    short:
      '{{ brand }}: {{ count }} {% if count == 1 %}message vous attendait{% else %}messages vous attendaient{% endif %}.',
  },
  announcement: {
    subject: '{{ title }}',
    text: '{{ message | lines }}',
    short: '{{ brand }}: {{ title }} - {{ message }}',
  },
}
