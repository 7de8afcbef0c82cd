-- Whether a pick may want an instance now, or within a second. tests_pg/races/look_again.sql has the picks.
begin;
select plan(1);
select results_eq(
    $$ select p::text || case when gendurable._is_wanted(p, now()) then ' now' else '' end
              || case when gendurable._is_wanted(p, now() + interval '1 minute') then ' later' else '' end
       from unnest(enum_range(null::gendurable.phase)) as p $$,
    $$ values ('ready now later'), ('scheduled now'), ('held'), ('throttled'), ('executing'), ('awaiting_signal now'),
        ('awaiting_children') $$,
    'what is ready, and what falls due');
select * from finish();
rollback;
