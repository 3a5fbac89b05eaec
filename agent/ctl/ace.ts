/**
 * One access control entry: the four types that decide about rights are read and written, others are only told apart.
 *
 *   0     1      2      4      8
 *   type  flags  size   mask   SID                                                        0 allow, 1 deny
 *   type  flags  size   mask   which identifiers  [object type] [inherited type]  SID     5 allow, 6 deny
 *
 * [MS-DTYP] 2.4.4.1 (header), 2.4.4.2 and 2.4.4.4 (plain), 2.4.4.3 and 2.4.4.5 (with identifiers). Masks: [MS-ADTS] 5.1.3.2.
 */
import { guidLength, sidAtStart } from './identifiers.ts'

export const aceType = { allow: 0, deny: 1, allowObject: 5, denyObject: 6 } as const

/** [MS-DTYP] 2.4.4.1, AceFlags. All objects of a directory are containers. */
export const aceFlag = { containerInherit: 0x02, noPropagate: 0x04, inheritOnly: 0x08, inherited: 0x10 } as const

/** [MS-ADTS] 5.1.3.2. `genericRead` is what it means there: read control, list contents, read property, list object. */
export const accessMask = {
  readProperty: 0x10,
  writeProperty: 0x20,
  controlAccess: 0x100,
  genericRead: 0x2_0094,
  full: 0xf_01ff,
} as const

const genericAll = 0x1000_0000
const genericWrite = 0x4000_0000
const genericReadBit = 0x8000_0000
/** Read control, write property, validated write. */
const genericWriteMeans = 0x2_0028

export interface Ace {
  kind: 'allow' | 'deny'
  flags: number
  /** With generic bits spelled out. */
  mask: number
  /** Which right, attribute or set of attributes; none: all of them. 16 bytes. */
  objectType: Buffer | undefined
  /** Which class inherits it; none: all. 16 bytes. */
  inheritedObjectType: Buffer | undefined
  sid: Buffer
}

const objectTypePresent = 1
const inheritedObjectTypePresent = 2
const knownTypes: readonly number[] = Object.values(aceType)

/** undefined: of a type that does not decide about rights here. */
export function viewAce(bytes: Buffer): Ace | 'malformed' | undefined {
  const type = bytes.readUInt8(0)
  if (!knownTypes.includes(type)) return undefined
  const withIdentifiers = type === aceType.allowObject || type === aceType.denyObject
  if (bytes.length < (withIdentifiers ? 12 : 8)) return 'malformed'
  const which = withIdentifiers ? bytes.readUInt32LE(8) : 0
  const first = withIdentifiers ? 12 : 8
  const second = first + ((which & objectTypePresent) === 0 ? 0 : guidLength)
  const last = second + ((which & inheritedObjectTypePresent) === 0 ? 0 : guidLength)
  const objectType = first === second ? undefined : bytes.subarray(first, second)
  const inheritedObjectType = second === last ? undefined : bytes.subarray(second, last)
  const sid = sidAtStart(bytes.subarray(last))
  if (sid === undefined) return 'malformed'
  const kind = type === aceType.allow || type === aceType.allowObject ? 'allow' : 'deny'
  return { kind, flags: bytes.readUInt8(1), mask: spelledOut(bytes.readUInt32LE(4)), objectType, inheritedObjectType, sid }
}

/** Entries that are for objects below keep generic bits until they are inherited ([MS-ADTS] 5.1.3.2). */
function spelledOut(mask: number): number {
  const meant = [
    [genericAll, accessMask.full],
    [genericWrite, genericWriteMeans],
    [genericReadBit, accessMask.genericRead],
  ] as const
  return meant.reduce((all, [bit, means]) => ((mask & bit) === 0 ? all : all | means), mask)
}

export function encodeAce({ kind, flags, mask, objectType, inheritedObjectType, sid }: Ace): Buffer {
  const identifiers = [objectType, inheritedObjectType].filter((guid) => guid !== undefined)
  const plain = identifiers.length === 0
  const header = Buffer.alloc(plain ? 8 : 12)
  const types = plain ? { allow: aceType.allow, deny: aceType.deny } : { allow: aceType.allowObject, deny: aceType.denyObject }
  header.writeUInt8(types[kind], 0)
  header.writeUInt8(flags, 1)
  header.writeUInt32LE(mask >>> 0, 4)
  if (!plain) header.writeUInt32LE((objectType ? objectTypePresent : 0) | (inheritedObjectType ? inheritedObjectTypePresent : 0), 8)
  const bytes = Buffer.concat([header, ...identifiers, sid])
  bytes.writeUInt16LE(bytes.length, 2)
  return bytes
}

export const isInherited = (bytes: Buffer): boolean => (bytes.readUInt8(1) & aceFlag.inherited) !== 0
