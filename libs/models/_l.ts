import { generate } from './src/index.ts';
import { openModelAs } from './src/model.ts';
const dir = process.argv[2]!;
const prompts = ['The weather today is', 'I think that you are a very', 'Hello'].map((t,i)=>({id:String(i),rendered:t,spanStart:0,spanEnd:t.length}));
for (const form of (process.argv[4]??'steps,loop').split(',') as ('steps'|'loop')[]) {
const m = await openModelAs(dir, {device: process.argv[3] ?? 'cpu', threads: 2}, form);
for (let k=0;k<2;k++) for (const opt of [{do_sample:false,num_return_sequences:1},{do_sample:true,top_p:0.9,seed:1,num_return_sequences:4}]) {
 const t=performance.now();
 const r = await generate(m, prompts, {max_new_tokens:8, ...opt, capture:{layers:'all',pool:['prompt','continuation','last','max']}} as any);
 console.log(form, (performance.now()-t).toFixed(0)+'ms', JSON.stringify(r.continuations.map(c=>[c.tokenIds.join(' '),c.logprob.toFixed(4)])).slice(0,100));
}
await m.close();
}
