import { expect, test } from 'vitest'
import { sidOctets } from '../directory/identifiers.ts'
import { allowOnUsersBelow, cannotChangePassword, editAces, everyone, isAbout } from './descriptor.ts'

const sid = sidOctets('S-1-5-21-1-2-3-1104') ?? Buffer.alloc(0)

/** O:BA G:BA D:(A;;RPWP;;;WD), self-relative. */
const sample = (() => {
  const administrators = Buffer.from('01020000000000052000000020020000', 'hex')
  const ace = Buffer.concat([Buffer.from('0000140030000000', 'hex'), everyone])
  const acl = Buffer.concat([Buffer.from('02001c0001000000', 'hex'), ace])
  const header = Buffer.from('0100048014000000240000000000000034000000', 'hex')
  return { descriptor: Buffer.concat([header, administrators, administrators, acl]), ace }
})()

test('the right to reset, on users below: (OA;CIIO;CR;00299570-…;bf967aba-…;S-1-5-21-1-2-3-1104)', () => {
  const ace = allowOnUsersBelow('resetPassword', sid)
  const type = '050a4800' // object ACE that allows, container inherit + inherit only, 72 bytes
  const rights = '00010000' // control access
  const both = '03000000'
  const resetPassword = '70952900' + '6d24' + 'd011' + 'a768' + '00aa006e0529'
  const user = 'ba7a96bf' + 'e60d' + 'd011' + 'a285' + '00aa003049e2'
  expect(ace.toString('hex')).toBe(type + rights + both + resetPassword + user + sid.toString('hex'))
})

test('an attribute is a right to write a property', () => {
  expect(allowOnUsersBelow('lockoutTime', sid).readUInt32LE(4)).toBe(0x20)
  expect(allowOnUsersBelow('pwdLastSet', sid).readUInt32LE(4)).toBe(0x20)
})

test('entries are put in front, and the rest stays', () => {
  const added = allowOnUsersBelow('changePassword', sid)
  const edited = editAces(sample.descriptor, (present) => {
    expect(present).toEqual([sample.ace])
    return [added, ...present]
  })
  const acl = edited.subarray(edited.readUInt32LE(16))
  expect(acl.readUInt16LE(2)).toBe(acl.length)
  expect(acl.readUInt16LE(4)).toBe(2)
  expect(acl.subarray(8).equals(Buffer.concat([added, sample.ace]))).toBe(true)
  expect(editAces(edited, (present) => present.filter((ace) => !isAbout(ace, sid))).subarray(-sample.ace.length)).toEqual(sample.ace)
})

test('"user cannot change password" denies it to Everyone and Self', () => {
  expect(cannotChangePassword().map((ace) => ace.readUInt8(0))).toEqual([6, 6])
  expect(cannotChangePassword().filter((ace) => isAbout(ace, everyone))).toHaveLength(1)
})
