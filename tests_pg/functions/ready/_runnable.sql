-- The phase of what becomes runnable.
begin;
select plan(8);

select is(gendurable._runnable(v.key, v.rate, v.later)::text, v.phase,
    format('key %s, rate %s, later %s', v.key, v.rate, v.later))
from (values (null, null, false, 'ready'), ('k', null, false, 'held'), (null, 'r', false, 'throttled'),
    ('k', 'r', false, 'held'),
             (null, null, true, 'scheduled'), ('k', null, true, 'scheduled'), (null, 'r', true, 'scheduled'),
             ('k', 'r', true, 'scheduled')) as v (key, rate, later, phase);

select * from finish();
rollback;
