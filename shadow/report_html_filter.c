/* Filters of the HTML report. They are hidden until the script has run, so that a page without it
 * shows nothing that does not work; its hash is in the page's policy, so it is the only script a
 * browser will run. */
#include "shadow/report_html.h"

const char report_script[] =
    "(function(){'use strict';\n"
    "var box=document.getElementById('filters');if(!box)return;\n"
    "var all=function(q,e){return Array.prototype.slice.call((e||document).querySelectorAll(q))};\n"
    "var text=document.getElementById('f-text'),selects=all('select',box),"
    "count=document.getElementById('f-count');\n"
    "var ends=all('.endpoint'),finds=all('.finding'),rows=all('#endpoints tbody tr');\n"
    "selects.forEach(function(s){var seen={};finds.forEach(function(f){"
    "var v=f.getAttribute('data-'+s.name);if(v)seen[v]=(seen[v]||0)+1});\n"
    "Object.keys(seen).sort().forEach(function(v){var o=document.createElement('option');"
    "o.value=v;o.textContent=v+' ('+seen[v]+')';s.appendChild(o)});\n"
    "s.parentNode.hidden=Object.keys(seen).length<2});\n"
    "function has(e,words){var t=(e.getAttribute('data-text')||'').toLowerCase();"
    "return words.every(function(w){return t.indexOf(w)>=0})}\n"
    "function apply(){var words=text.value.toLowerCase().split(/\\s+/).filter(Boolean),n=0,"
    "wanted=words.length>0;\n"
    "selects.forEach(function(s){wanted=wanted||s.value!==''});\n"
    "ends.forEach(function(e){var own=0;\n"
    "all('.finding',e).forEach(function(f){var rest=words.filter(function(w){return !has(e,[w])});"
    "var ok=has(f,rest)&&selects.every(function(s){"
    "return s.value===''||f.getAttribute('data-'+s.name)===s.value});\n"
    "f.hidden=!ok;own+=ok?1:0});\n"
    "e.hidden=own===0;if(wanted&&own>0)e.open=true;n+=own});\n"
    "rows.forEach(function(r){r.hidden=words.length>0&&!has(r,words)});\n"
    "count.textContent=n+' of '+finds.length+' findings'}\n"
    "box.addEventListener('input',apply);\n"
    "box.addEventListener('reset',function(){setTimeout(apply,0)});\n"
    "box.addEventListener('submit',function(e){e.preventDefault()});\n"
    "document.getElementById('f-open').addEventListener('click',function(){"
    "var o=ends.some(function(e){return !e.hidden&&!e.open});"
    "ends.forEach(function(e){e.open=o})});\n"
    "document.addEventListener('keydown',function(e){"
    "if(e.key==='/'&&!/INPUT|SELECT/.test(document.activeElement.tagName)){"
    "e.preventDefault();text.focus()}\n"
    "if(e.key==='Escape'&&document.activeElement===text){text.value='';apply()}});\n"
    "function aim(){var t=location.hash&&document.getElementById(location.hash.slice(1));"
    "if(t&&t.tagName==='DETAILS')t.open=true}\n"
    "window.addEventListener('hashchange',aim);aim();\n"
    "box.hidden=false;apply()})();";

static void choice(struct html *h, const char *name, const char *label)
{
    html_format(h,
                "<label>%s <select name=\"%s\"><option value=\"\">all</option></select></label>\n",
                label, name);
}

void html_filters(struct html *h, const struct report *r)
{
    if (r->nfindings < 2)
        return;
    html_raw(h, "<form id=\"filters\" hidden aria-label=\"Filters\">\n"
                "<label class=\"grow\">Find <input id=\"f-text\" type=\"search\" "
                "placeholder=\"endpoint, route or field ( / )\" autocomplete=\"off\"></label>\n");
    choice(h, "kind", "Kind");
    choice(h, "severity", "Severity");
    choice(h, "state", "State");
    html_raw(h, "<button type=\"reset\">Clear</button>"
                "<button type=\"button\" id=\"f-open\">Open or close all</button>"
                "<output id=\"f-count\" aria-live=\"polite\"></output></form>\n");
}
