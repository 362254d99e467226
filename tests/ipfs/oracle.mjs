// CIDs by ipfs-unixfs-importer: reads [{size, chunk_bytes, max_links}, ...] on stdin, writes the list of CIDs.
// Argument: the folder of that package. Content as in vectors/unixfs.json.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const load = name => import(pathToFileURL(`${process.argv[2]}/dist/src/${name}.js`).href)
const { importer } = await load('index')
const { fixedSize } = await load('chunker/index')
const { balanced } = await load('layout/index')

function * content (size) {
  for (let made = 0, counter = 0n; made < size; made += 32, counter++) {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(counter)
    yield createHash('sha256').update('vinculum').update(number).digest().subarray(0, size - made)
  }
}

const nowhere = { put: async cid => cid, has: async () => false }
const cids = []
for (const { size, chunk_bytes: chunkSize, max_links: maxChildrenPerNode } of JSON.parse(readFileSync(0))) {
  const options = {
    cidVersion: 1,
    rawLeaves: true,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize }),
    layout: balanced({ maxChildrenPerNode })
  }
  for await (const entry of importer([{ path: 'file', content: content(size) }], nowhere, options)) cids.push(entry.cid.toString())
}
console.log(JSON.stringify(cids))
