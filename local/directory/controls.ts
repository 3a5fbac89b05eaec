/**
 * The controls this server knows ([MS-ADTS] 3.1.1.3.4.1) and what their values say.
 *
 * An unknown critical control refuses the request (RFC 4511 §4.1.11), and so does a critical one whose value cannot be read.
 */
import { children, constructed, contentAt, integer, octets, readElement, readInteger, universal } from './ber.ts'
import type { Control, Request } from './codec.ts'

export const oid = {
  paged: '1.2.840.113556.1.4.319',
  policyHints: '1.2.840.113556.1.4.2239',
  policyHintsOld: '1.2.840.113556.1.4.2066',
  securityDescriptorFlags: '1.2.840.113556.1.4.801',
  domainScope: '1.2.840.113556.1.4.1339',
  permissiveModify: '1.2.840.113556.1.4.1413',
} as const

export interface Wishes {
  /** LDAP_SERVER_POLICY_HINTS with flag 1: a reset obeys history and minimum age as a change does. */
  policyHints: boolean
  page: { size: number; cookie: Buffer } | undefined
  /** LDAP_SERVER_SD_FLAGS: which parts of a security descriptor are meant; undefined without the control. */
  descriptorParts: number | undefined
}

/** Undefined when a critical control cannot be obeyed. Permissive modify and the like are taken and have no effect here. */
export function readControls(controls: readonly Control[], request: Request['kind'], supported: readonly string[]): Wishes | undefined {
  const wishes: Wishes = { policyHints: false, page: undefined, descriptorParts: undefined }
  for (const control of controls) {
    const known = supported.includes(control.oid)
    if (!(known && obey(control, request, wishes)) && control.critical) return undefined
  }
  return wishes
}

function obey(control: Control, request: Request['kind'], wishes: Wishes): boolean {
  const fields = sequenceOf(control.value)
  if (control.oid === oid.policyHints || control.oid === oid.policyHintsOld) {
    if (fields === undefined) return false
    wishes.policyHints = (readInteger(contentAt(fields, 0, universal.integer)) & 1) === 1
  }
  if (control.oid === oid.securityDescriptorFlags) {
    if (fields === undefined) return false
    wishes.descriptorParts = readInteger(contentAt(fields, 0, universal.integer))
  }
  if (control.oid === oid.paged && request === 'search') {
    if (fields === undefined) return false
    const size = readInteger(contentAt(fields, 0, universal.integer))
    wishes.page = { size, cookie: contentAt(fields, 1, universal.octets) }
  }
  return true
}

const sequenceOf = (value: Buffer | undefined) => {
  const element = value === undefined ? undefined : readElement(value, 0)?.element
  return element?.tag === universal.sequence ? children(element.content) : undefined
}

/** The response control of a paged search (RFC 2696): an empty cookie says that this was the last page. */
export const pageReply = (cookie: Buffer): Control => ({
  oid: oid.paged,
  critical: false,
  value: constructed(universal.sequence, integer(0), octets(cookie)),
})
