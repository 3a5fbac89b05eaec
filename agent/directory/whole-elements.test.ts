import { MessageParser } from 'ldapts'
import { expect, test } from 'vitest'
import './whole-elements.ts'

const noElement = 'an element announces more than there is'

/** What ldapts says of these octets, in pieces of this length. */
function told(hex: string, pieceLength = hex.length): string[] {
  const said: string[] = []
  const parser = new MessageParser()
  parser.on('error', ({ message }) => void said.push(message))
  parser.on('message', (message) => void said.push(message.constructor.name))
  const octets = Buffer.from(hex, 'hex')
  for (let at = 0; at < octets.length; at += pieceLength) parser.read(octets.subarray(at, at + pieceLength), new Map())
  return said
}

test.each([
  ['behind a bind reply', '300c02010161070a010004000474', noElement],
  ['a value of an entry', '3012020102640d0400300930070401613102047f', noElement],
  ['values of an entry', '3012020102640d0400300930070401613112047f', noElement],
  ['the attributes of an entry', '300902010264040400307f', noElement],
  ['a message of a result', '300c02010265070a010004000474', noElement],
])('more is announced than there is: %s', (_, hex, expected) => {
  expect(told(hex)).toEqual([expected])
})

test('a message in pieces is one that is still to come', () => {
  expect(told('300c02010161070a010004000400', 1)).toEqual(['BindResponse'])
})
