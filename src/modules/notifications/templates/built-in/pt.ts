/**
 * The built-in words in Portuguese, formal and plain. Short texts do without accents that GSM 03.38 has no room for
 * where they read well without, because one such letter halves what fits into an SMS.
 */
import type { CodePurpose, SecurityChange } from '../../../identity'
import type { TransferType } from '../../../ledger'
import type { Words } from '../template'
import { choose, paragraphs } from './choose'
import type { DepositOutcome, StaffNews, TemplateName } from './data'

const NOT_YOU = 'Se não reconhece isto, ligue já para o seu operador.'
/** Not where somebody else is at work already, and the words say what to do. */
const CALL = `{% unless change == "second_factor_locked" or change == "sign_ins_failing" %}${NOT_YOU}{% endunless %}`
const NOT_YOU_SHORT = 'Se estranha isto, ligue para o seu operador.'

const purpose = choose<CodePurpose>('purpose', {
  verify_email: 'para abrir a sua conta',
  verify_phone: 'para confirmar o seu telefone',
  change_email: 'para confirmar o seu novo e-mail',
  change_phone: 'para confirmar o seu telefone',
  second_factor: 'para entrar ou confirmar uma mudança',
})

/** The same without letters that GSM 03.38 lacks. */
const purposeShort = choose<CodePurpose>('purpose', {
  verify_email: 'abre a sua conta',
  verify_phone: 'confirma o seu telefone',
  change_email: 'confirma o seu novo e-mail',
  change_phone: 'confirma o seu telefone',
  second_factor: 'confirma que quer entrar ou mudar algo',
})

const change = choose<SecurityChange>('change', {
  password_changed: 'A sua palavra-passe foi alterada.',
  pin_changed: 'O seu PIN foi alterado.',
  email_changed: 'O e-mail da sua conta foi alterado.',
  phone_changed: 'O telefone da sua conta foi alterado.',
  phone_removed: 'O telefone da sua conta foi removido.',
  phone_taken_over: 'O seu telefone foi confirmado por outra conta e deixou de estar na sua.',
  totp_added: 'Foi ligada uma app de autenticação à sua conta.',
  totp_removed: 'A app de autenticação foi retirada da sua conta.',
  email_factor_added: 'Os códigos por e-mail são agora um segundo fator da sua conta.',
  email_factor_removed: 'Os códigos por e-mail deixaram de ser um segundo fator da sua conta.',
  sms_factor_added: 'Os códigos por SMS são agora um segundo fator da sua conta.',
  sms_factor_removed: 'Os códigos por SMS deixaram de ser um segundo fator da sua conta.',
  passkey_added: 'Foi acrescentada uma chave de acesso à sua conta.',
  passkey_removed: 'Foi retirada uma chave de acesso da sua conta.',
  recovery_codes_made: 'Foram criados novos códigos de recuperação para a sua conta; os anteriores já não servem.',
  recovery_code_used: 'Foi usado um código de recuperação para entrar na sua conta.',
  factors_reset: 'O operador removeu os seus segundos fatores e a sua sessão foi terminada em todos os aparelhos.',
  api_key_made: 'Foi criada uma chave de API para a sua conta.',
  application_allowed: 'Uma aplicação foi autorizada a agir em nome da sua conta.',
  second_factor_locked:
    'Alguém que conhece a sua palavra-passe introduziu dez códigos errados. Os códigos estão bloqueados por algum tempo: mude a palavra-passe.',
  sign_ins_failing:
    'Alguém tentou muitas palavras-passe erradas na sua conta. A conta não está bloqueada, e essa pessoa não entrou.',
  account_closed: 'A sua conta foi encerrada.',
  endpoint_added: 'As suas mensagens passam a ser enviadas também para um endereço na Internet.',
  endpoint_paused: 'O seu endereço na Internet recusou vinte mensagens seguidas: indique-o de novo para receber mais.',
  device_added: 'As suas mensagens passam a aparecer também noutro navegador ou telefone.',
})

/** The same without letters that GSM 03.38 lacks, as far as it goes. */
const changeShort = choose<SecurityChange>('change', {
  password_changed: `a sua palavra-passe foi alterada. ${NOT_YOU_SHORT}`,
  pin_changed: `o seu PIN foi alterado. ${NOT_YOU_SHORT}`,
  email_changed: `o e-mail da sua conta foi alterado. ${NOT_YOU_SHORT}`,
  phone_changed: `o telefone da sua conta foi alterado. ${NOT_YOU_SHORT}`,
  phone_removed: `o telefone da sua conta foi removido. ${NOT_YOU_SHORT}`,
  phone_taken_over: `o seu telefone foi confirmado por outra conta e deixou de estar na sua. ${NOT_YOU_SHORT}`,
  totp_added: `a sua conta ganhou uma app que gera senhas de entrada. ${NOT_YOU_SHORT}`,
  totp_removed: `a sua conta perdeu a app que gera senhas de entrada. ${NOT_YOU_SHORT}`,
  email_factor_added: `o e-mail passou a ser um segundo fator da sua conta. ${NOT_YOU_SHORT}`,
  email_factor_removed: `o e-mail deixou de ser um segundo fator da sua conta. ${NOT_YOU_SHORT}`,
  sms_factor_added: `o SMS passou a ser um segundo fator da sua conta. ${NOT_YOU_SHORT}`,
  sms_factor_removed: `o SMS deixou de ser um segundo fator da sua conta. ${NOT_YOU_SHORT}`,
  passkey_added: `a sua conta ganhou uma chave de acesso. ${NOT_YOU_SHORT}`,
  passkey_removed: `a sua conta perdeu uma chave de acesso. ${NOT_YOU_SHORT}`,
  recovery_codes_made: `a sua conta tem novas senhas de reserva; as anteriores deixaram de servir. ${NOT_YOU_SHORT}`,
  recovery_code_used: `uma senha de reserva serviu para entrar na sua conta. ${NOT_YOU_SHORT}`,
  factors_reset: `o operador removeu os seus segundos fatores e terminou todas as entradas. ${NOT_YOU_SHORT}`,
  api_key_made: `a sua conta ganhou uma chave de API. ${NOT_YOU_SHORT}`,
  application_allowed: `uma app foi autorizada a agir em nome da sua conta. ${NOT_YOU_SHORT}`,
  second_factor_locked: 'alguém que conhece a sua palavra-passe errou dez vezes o segundo fator. Mude a palavra-passe.',
  sign_ins_failing: 'muitas tentativas com palavras-passe erradas na sua conta. Continua aberta e segura.',
  account_closed: `a sua conta foi encerrada. ${NOT_YOU_SHORT}`,
  endpoint_added: `os seus avisos seguem agora para um site. ${NOT_YOU_SHORT}`,
  endpoint_paused: 'o seu site recusou vinte avisos seguidos; indique-o de novo para receber mais.',
  device_added: `os seus avisos aparecem agora noutro aparelho. ${NOT_YOU_SHORT}`,
})

const movement = choose<TransferType>(
  'type',
  {
    transfer: 'Transferência',
    deposit: 'Depósito',
    withdrawal: 'Levantamento',
    billpay: 'Pagamento de fatura',
    merchantpay: 'Pagamento a comerciante',
    disbursement: 'Desembolso',
    adjustment: 'Acerto',
    reversal: 'Estorno',
    issuance: 'Reforço de float',
  },
  'Movimento',
)

const deposit = choose<DepositOutcome>('depositOutcome', {
  none: '',
  returned: 'O seu sinal de {{ deposit | money: currency }} foi devolvido.',
  kept: 'O seu sinal de {{ deposit | money: currency }} não é devolvido.',
})

const MINUTES = '{{ minutes }} {% if minutes == 1 %}minuto{% else %}minutos{% endif %}'
const FEE = '{% if fee > 0 %}A taxa foi de {{ fee | money: currency }}.{% endif %}'
const BALANCE = 'O seu saldo é de {{ balance | money: currency }}.'
const BALANCE_SHORT = 'Saldo: {{ balance | money: currency }}.'
const TRANSFER = 'Referência: {{ transferId }}'
const WITHDRAWAL = 'Referência: {{ withdrawalId }}'
const APPOINTMENT = 'Referência: {{ appointmentId }}'
const ALL_OF_IT = '{{ amount | plus: fee | money: currency }}'
const BACK = `Tem de novo ${ALL_OF_IT} ao seu dispor.`
const WITH = '{% if staff != blank %} com {{ staff }}{% endif %}'
const AT = '{% if place != blank %}\nOnde: {{ place }}{% endif %}'
const STARTS = '{{ startsAt | moment: timeZone }}'
const staffNews = choose<StaffNews>('what', {
  booked: 'Uma nova marcação consigo',
  moved: 'Uma marcação consigo mudou de hora',
  left: 'Uma marcação saiu da sua agenda',
  cancelled: 'Uma marcação consigo foi cancelada',
})
const STARTS_SHORT = '{{ startsAt | day: timeZone }} {{ startsAt | time: timeZone }}'

const LEAD = 'Veja-a ou cancele-a aqui:'

const BOOKED = [
  `{{ service }}${WITH}\nQuando: ${STARTS}, até às {{ endsAt | time: timeZone }}${AT}`,
  '{% if price > 0 %}O preço é de {{ price | money: currency }}.{% endif %}{% if deposit > 0 %} Fica retido um sinal de {{ deposit | money: currency }}.{% endif %}',
  '{% if cancelUntil %}Pode cancelar sem perder nada até {{ cancelUntil | moment: timeZone }}.{% elsif deposit > 0 %}Se cancelar, o sinal não é devolvido.{% endif %}',
  APPOINTMENT,
  LEAD,
  '{{ link }}',
]

export const pt: Record<TemplateName, Words> = {
  code: {
    subject: '{{ code }} é o seu código {{ brand }}',
    text: paragraphs(
      `O seu código{% if purpose %} ${purpose}{% endif %} é **{{ code }}**.`,
      `Serve uma só vez, durante ${MINUTES}. Não o diga a ninguém, nem a nós.`,
    ),
    short: `{{ brand }}: {% if purpose %}{{ code }} ${purposeShort}{% else %}use {{ code }}{% endif %}. Serve uma vez, por ${MINUTES}. Guarde segredo.`,
  },
  welcome: {
    subject: '{{ brand }}: boas-vindas',
    text: paragraphs(
      'A sua conta está aberta.',
      'Escolha agora um PIN: ele autoriza cada pagamento, e mais ninguém o conhece.',
    ),
    short: '{{ brand }}: a sua conta foi aberta. Escolha agora um PIN: ele autoriza cada pagamento.',
  },
  registration_repeated: {
    subject: 'Já tem uma conta',
    text: paragraphs('Alguém tentou registar-se com o seu e-mail. Já tem uma conta: basta entrar.', NOT_YOU),
    short: '{{ brand }}: tem uma conta com este e-mail. Basta entrar.',
  },
  sessions_revoked: {
    subject: 'A sua sessão foi terminada',
    text: paragraphs(
      'Um acesso já utilizado voltou a ser usado; por segurança, terminámos essa sessão. Entre de novo.',
      NOT_YOU,
    ),
    short: `{{ brand }}: a sua entrada foi terminada por cautela. Entre de novo. ${NOT_YOU_SHORT}`,
  },
  password_reset: {
    subject: 'Escolha uma nova palavra-passe',
    text: paragraphs(
      'Foi pedida uma nova palavra-passe para a sua conta. Escolha-a aqui:',
      '{{ link }}',
      `A ligação serve uma só vez, durante ${MINUTES}. Se não a pediu, não faça nada: a sua palavra-passe fica como está.`,
    ),
    short: `{{ brand }}: escolha uma nova palavra-passe em ${MINUTES}: {{ link }}`,
  },
  password_changed: {
    subject: 'A sua palavra-passe foi alterada',
    text: paragraphs('A sua palavra-passe foi alterada e as outras sessões foram terminadas.', NOT_YOU),
    short: `{{ brand }}: a sua palavra-passe foi alterada. ${NOT_YOU_SHORT}`,
  },
  new_device: {
    subject: 'Entrada num novo aparelho',
    text: paragraphs(
      'Alguém entrou na sua conta a partir de um aparelho que ainda não tinha usado:',
      '{{ userAgent }}, de {{ address }}, {{ at | moment }}',
      'Se reconhece esta entrada, não há nada a fazer. Se não, mude já a palavra-passe e termine todas as sessões.',
    ),
    short: '{{ brand }}: um novo aparelho entrou na sua conta. Se estranha isto, mude a palavra-passe.',
  },
  security_changed: {
    subject: change,
    text: paragraphs(change, CALL),
    short: `{{ brand }}: ${changeShort}`,
  },
  money_sent: {
    subject: 'Enviou {{ amount | money: currency }}',
    text: paragraphs('Enviou {{ amount | money: currency }} a {{ to }}.', FEE, BALANCE, TRANSFER, NOT_YOU),
    short: `{{ brand }}: enviou {{ amount | money: currency }} a {{ to }}. ${BALANCE_SHORT}`,
  },
  money_received: {
    subject: 'Recebeu {{ amount | money: currency }}',
    text: paragraphs('{{ from }} enviou-lhe {{ amount | money: currency }}.', BALANCE, TRANSFER),
    short: `{{ brand }}: {{ from }} enviou-lhe {{ amount | money: currency }}. ${BALANCE_SHORT}`,
  },
  cash_in: {
    subject: 'Recebeu {{ amount | money: currency }}',
    text: paragraphs('{{ from }} recebeu o seu dinheiro e creditou {{ amount | money: currency }}.', BALANCE, TRANSFER),
    short: `{{ brand }}: {{ from }} recebeu o seu dinheiro e creditou {{ amount | money: currency }}. ${BALANCE_SHORT}`,
  },
  float_issued: {
    subject: 'O seu float aumentou em {{ amount | money: currency }}',
    text: paragraphs('O seu float é agora de {{ balance | money: currency }}.', TRANSFER),
    short:
      '{{ brand }}: o seu float aumentou em {{ amount | money: currency }} e é agora de {{ balance | money: currency }}.',
  },
  low_float: {
    subject: 'O seu float está baixo: {{ balance | money: currency }}',
    text: paragraphs(
      'O seu float é de {{ balance | money: currency }}, abaixo do limite de {{ threshold | money: currency }} a partir do qual os agentes são avisados.',
      'Reforce-o antes de ter de recusar um cliente.',
    ),
    short: '{{ brand }}: resta-lhe pouco float: {{ balance | money: currency }}.',
  },
  withdrawal_requested: {
    subject: 'Um levantamento de {{ amount | money: currency }} espera por si',
    text: paragraphs(
      `Ficam retidos ${ALL_OF_IT} até receber o dinheiro, cancelar, ou o código de levantamento expirar.`,
      WITHDRAWAL,
      NOT_YOU,
    ),
    short: '{{ brand }}: um levantamento de {{ amount | money: currency }} espera por si.',
  },
  withdrawal_code: {
    subject: 'O seu código para levantar {{ amount | money: currency }}',
    text: paragraphs(
      'O seu código de uso único é **{{ token }}**.',
      'Permite levantar {{ amount | money: currency }} uma só vez, até {{ expiresAt | moment }}. Mostre-o apenas ao agente que lhe paga.',
      `{% if fee > 0 %}A taxa é de {{ fee | money: currency }}. {% endif %}Até lá ficam retidos ${ALL_OF_IT}.`,
      WITHDRAWAL,
      NOT_YOU,
    ),
    short:
      '{{ brand }}: {{ token }} levanta {{ amount | money: currency }} antes das {{ expiresAt | time }}. Mostre-o apenas ao agente que lhe paga.',
  },
  withdrawal_paid: {
    subject: 'Levantou {{ amount | money: currency }}',
    text: paragraphs('{{ by }} pagou-lhe {{ amount | money: currency }} em dinheiro.', FEE, WITHDRAWAL, NOT_YOU),
    short: '{{ brand }}: {{ by }} pagou-lhe {{ amount | money: currency }} em dinheiro.',
  },
  withdrawal_paid_out: {
    subject: 'Pagou {{ amount | money: currency }}',
    text: paragraphs(
      'Pagou {{ amount | money: currency }} em dinheiro a {{ customer }}; o seu float aumentou no mesmo valor.',
      '{% if commission > 0 %}A sua comissão foi de {{ commission | money: currency }}.{% endif %}',
      WITHDRAWAL,
    ),
    short: '{{ brand }}: pagou {{ amount | money: currency }} em dinheiro a {{ customer }}.',
  },
  withdrawal_cancelled: {
    subject: 'O seu levantamento foi cancelado',
    text: paragraphs(BACK, WITHDRAWAL),
    short: `{{ brand }}: o seu levantamento foi cancelado. ${BACK}`,
  },
  withdrawal_expired: {
    subject: 'O seu código de levantamento expirou',
    text: paragraphs(BACK, WITHDRAWAL),
    short: `{{ brand }}: o prazo do seu levantamento terminou. ${BACK}`,
  },
  withdrawal_reversed: {
    subject: 'O seu levantamento foi estornado',
    text: paragraphs(
      `O dinheiro não foi entregue; por isso ${ALL_OF_IT} voltaram à sua carteira, incluindo a taxa.`,
      WITHDRAWAL,
    ),
    short: `{{ brand }}: o seu levantamento foi estornado. ${BACK}`,
  },
  receipt: {
    subject: 'Recibo: {{ amount | money: currency }}',
    text: paragraphs(
      `${movement}: {{ amount | money: currency }}`,
      '{{ at | moment }}',
      FEE,
      'Depois disso, o seu saldo era de {{ balance | money: currency }}.',
      TRANSFER,
    ),
    short: `{{ brand }}: movimento de {{ amount | money: currency }}. ${BALANCE_SHORT}`,
  },
  appointment_confirmation: {
    subject: 'A sua marcação: {{ service }}',
    text: paragraphs('A sua marcação está confirmada.', ...BOOKED),
    short: `{{ brand }}: tem {{ service }} a ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_moved: {
    subject: 'A sua marcação mudou: {{ service }}',
    text: paragraphs('A sua marcação tem um novo horário.', ...BOOKED),
    short: `{{ brand }}: {{ service }} passou para ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_cancelled: {
    subject: 'A sua marcação foi cancelada: {{ service }}',
    text: paragraphs(
      'Esta marcação já não se realiza:',
      `{{ service }}${WITH}\nQuando: ${STARTS}${AT}`,
      '{% if reason != blank %}Motivo: {{ reason }}{% endif %}',
      deposit,
      APPOINTMENT,
      'Veja-a aqui:',
      '{{ link }}',
    ),
    short: `{{ brand }}: sem efeito: {{ service }} de ${STARTS_SHORT}.`,
  },
  appointment_reminder: {
    subject: 'A sua marcação está próxima: {{ service }}',
    text: paragraphs(
      'Esperamos por si:',
      `{{ service }}${WITH}\nQuando: ${STARTS}${AT}`,
      APPOINTMENT,
      LEAD,
      '{{ link }}',
    ),
    short: `{{ brand }}: esperamos por si: {{ service }}, ${STARTS_SHORT}. {{ link }}`,
  },
  appointment_missed: {
    subject: 'Sentimos a sua falta: {{ service }}',
    text: paragraphs(
      `Não compareceu a esta marcação:`,
      `{{ service }}\nQuando: ${STARTS}`,
      deposit,
      APPOINTMENT,
      'Se isto não estiver certo, diga-nos.',
    ),
    short: `{{ brand }}: sentimos a sua falta: {{ service }}, ${STARTS_SHORT}.`,
  },
  appointment_for_staff: {
    subject: `${staffNews}: {{ service }}`,
    text: paragraphs(`${staffNews}.`, `{{ service }} para {{ customer }}\nQuando: ${STARTS}`, APPOINTMENT),
    short: `{{ brand }}: ${staffNews}: {{ service }}, {{ customer }}, ${STARTS_SHORT}.`,
  },
  deposit_taken: {
    subject: 'O seu sinal foi cobrado: {{ deposit | money: currency }}',
    text: paragraphs(
      'O seu sinal de {{ deposit | money: currency }} relativo a {{ service }} foi cobrado.',
      APPOINTMENT,
      'Se isto não estiver certo, diga-nos.',
    ),
    short: '{{ brand }}: o seu sinal de {{ deposit | money: currency }} relativo a {{ service }} foi cobrado.',
  },
  deposit_received: {
    subject: 'Recebeu {{ deposit | money: currency }}',
    text: paragraphs('Recebeu o sinal de {{ deposit | money: currency }} relativo a {{ service }}.', APPOINTMENT),
    short: '{{ brand }}: recebeu o sinal de {{ deposit | money: currency }} relativo a {{ service }}.',
  },
  deposit_refunded: {
    subject: 'O seu sinal foi devolvido: {{ deposit | money: currency }}',
    text: paragraphs(
      'O seu sinal de {{ deposit | money: currency }} relativo a {{ service }} foi-lhe devolvido.',
      APPOINTMENT,
    ),
    short: '{{ brand }}: o seu sinal de {{ deposit | money: currency }} relativo a {{ service }} foi devolvido.',
  },
  appointment_place_free: {
    subject: 'Há uma vaga: {{ service }}',
    text: paragraphs(
      'Abriu uma vaga:',
      `{{ service }}\nQuando: ${STARTS}`,
      'Está guardada para si até {{ offeredUntil | moment: timeZone }}. Aceite-a aqui:',
      '{{ link }}',
    ),
    short: `{{ brand }}: abriu uma vaga: {{ service }}, ${STARTS_SHORT}. Aceite aqui: {{ link }}`,
  },
  review_request: {
    subject: 'Como correu? {{ service }}',
    text: paragraphs(`Como correu {{ service }}${WITH}? Um minuto seu ajuda-nos:`, '{{ link }}'),
    short: '{{ brand }}: como correu {{ service }}? Responda aqui: {{ link }}',
  },
  digest: {
    subject: 'O que aconteceu: {{ count }} {% if count == 1 %}mensagem{% else %}mensagens{% endif %}',
    text: paragraphs(
      'O que esperava por si:',
      '{% for item in items %}{{ item.at | moment }}\n{{ item.short }}\n\n{% endfor %}',
    ),
    short: '{{ brand }}: {{ count }} {% if count == 1 %}mensagem nova{% else %}mensagens novas{% endif %}.',
  },
  announcement: {
    subject: '{{ title }}',
    text: '{{ message | lines }}',
    short: '{{ brand }}: {{ title }} - {{ message }}',
  },
}
