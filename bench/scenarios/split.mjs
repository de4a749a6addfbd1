/** Characters of several bytes, cut across TCP segments: how many bodies come out wrong. */
export async function run({ open }, { count }) {
  const connection = await open(1)
  await connection.hear(count, 'split')
  return { corrupted: connection.corrupted, of: count }
}
