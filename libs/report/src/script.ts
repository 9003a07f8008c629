/**
 * The page's only script. It turns each list of folded choices into a row of radio buttons; without it they stay
 * what they are, parts to unfold.
 */
export const SCRIPT = `(()=>{
let group=0;
for(const list of document.querySelectorAll('.choices')){
const items=[...list.children],name='choice-'+group++,set=document.createElement('fieldset'),legend=document.createElement('legend');
set.className='picker';legend.textContent=list.dataset.legend;set.append(legend);
const show=chosen=>{for(const item of items)item.open=item===chosen};
items.forEach((item,i)=>{
const label=document.createElement('label'),input=document.createElement('input'),text=document.createElement('span');
input.type='radio';input.name=name;input.checked=i===0;text.textContent=item.firstElementChild.textContent;
input.addEventListener('change',()=>show(item));label.append(input,text);set.append(label)});
list.before(set);list.classList.add('picked');show(items[0])}
})()`;
