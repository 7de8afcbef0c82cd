-- A pick stays as cheap as it was, while a snapshot is held that keeps every dead row: buffers of whole calls after
-- some 2,000 claims, and after 20,000. So does the commit of what was picked.
select plan(20);
set lock_timeout = '60s';
select test.connect('holder'), test.connect('idler') \g /dev/null
select gd_register('w', '{plain,idle,three,hundred,kinds,many}', '1 day') as w \gset

create unlogged table test.cost (what text, call text, n int, buffers int);
create unlogged table test.claim (id bigint, fence bigint);
-- 200 times a hundred are enqueued, claimed and finished, beside a backlog of three hundred.
create procedure test.churn(what text, worker bigint, more text)
language plpgsql as $$
declare
    v_entries text := format(
        'select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object(''fsm'', ''F'', ''queue'', %L) || '
        '%s) from generate_series(1, 100) as g))', what, more);
begin
    for v_n in 1 .. 203 loop
        execute v_entries;
        commit;
        continue when v_n <= 3;
        insert into test.cost values (what, 'pick', v_n,
            test.buffers(format('insert into test.claim select id, fence from gd_pick(%s, %L, 100)', worker, what)));
        commit;
        insert into test.cost values (what, 'commit', v_n,
            test.buffers(format('select * from gd_commit(%s, %L)', worker,
            (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'done'))
                from test.claim as c))));
        truncate test.claim;
        commit;
    end loop;
end
$$;
-- The last eighty calls beside the eightieth and those before: what one costs, and what one costs that does not move a
-- trail.
create function test.ratio(what text, call text, of text default 'mean') returns numeric
language sql as $$
    select round((max(m.mean) filter (where m.late) / max(m.mean) filter (where not m.late))::numeric, 2)
    from (select c.n > 100 as late,
        case ratio.of when 'mean' then avg(c.buffers)::float8 else percentile_cont(0.5) within
        group (order by c.buffers) end as mean
          from test.cost as c where c.what = ratio.what and c.call = ratio.call and (c.n between 14 and 83 or c.n > 123)
              group by 1) as m
$$;
select test.exec('holder', 'begin isolation level repeatable read') \g /dev/null
select test.query('holder', 'select count(*) from gendurable.instances') \g /dev/null

call test.churn('plain', :w, '''{}''');
select cmp_ok(test.ratio('plain', 'pick', 'median'), '<', 1.3,
    'a pick after 20,000 claims reads what it read after 2,000');
select cmp_ok(test.ratio('plain', 'pick'), '<', 1.4, '… those that move a trail as well');
select cmp_ok(test.ratio('plain', 'commit'), '<', 1.4, '… and so does a commit');
call test.churn('three', :w, 'jsonb_build_object(''priority'', g % 3)');
select cmp_ok(test.ratio('three', 'pick', 'median'), '<', 1.3, 'of three priorities');
select cmp_ok(test.ratio('three', 'pick'), '<', 1.4, '… those that move a trail as well');
select cmp_ok(test.ratio('three', 'commit'), '<', 1.4, '… and so does a commit');
call test.churn('hundred', :w, 'jsonb_build_object(''priority'', g)');
select cmp_ok(test.ratio('hundred', 'pick', 'median'), '<', 1.8,
    'of a hundred priorities, most of which have no line: as far as their runs are not gathered yet');
select cmp_ok(test.ratio('hundred', 'pick'), '<', 1.8, '… those that move a trail as well');
select cmp_ok(test.ratio('hundred', 'commit'), '<', 1.4, '… and so does a commit');
call test.churn('kinds', :w, 'jsonb_build_object(''fsm'', ''F'' || g % 10)');
select cmp_ok(test.ratio('kinds', 'pick', 'median'), '<', 1.9, 'of ten kinds, whose trails move the more seldom');
select cmp_ok(test.ratio('kinds', 'pick'), '<', 1.9, '… those that move a trail as well');
select cmp_ok(test.ratio('kinds', 'commit'), '<', 1.4, '… and so does a commit');

-- Beside a transaction that has enqueued and idles.
select test.exec('idler', 'begin') \g /dev/null
select test.query('idler', $$ select id from gd_enqueue('F', queue => 'idle') $$) -> 0 ->> 'id' as idle \gset
call test.churn('idle', :w, '''{}''');
select cmp_ok(test.ratio('idle', 'pick', 'median'), '<', 1.3, 'beside a transaction that has enqueued and idles');
select cmp_ok(test.ratio('idle', 'pick'), '<', 1.4, '… those that move a trail as well');
select cmp_ok(test.ratio('idle', 'commit'), '<', 1.4, '… and so does a commit');
select test.query('idler', $$ select id from gd_enqueue('F', queue => 'idle') $$) -> 0 ->> 'id' as later \gset
select test.exec('idler', 'commit') \g /dev/null
select test.buffers(format('insert into test.claim select id, fence from gd_pick(%s, ''idle'', 1)', :w)) as found \gset
select is((select id from test.claim), :idle::bigint, 'once it ends, what it enqueued is found first');
select gendurable._move_trails(array[:idle]::bigint[]) \g /dev/null
select test.buffers(format('insert into test.claim select id, fence from gd_pick(%s, ''idle'', 1)', :w))
    as later_found \gset
select is((select array_agg(id order by id) from test.claim), array[:idle, :later]::bigint[],
    'all of it, for it is as old as its transaction');
-- (A second of it is looked at: gendurable._late_comers. As long as no trail has moved, twice.)
select cmp_ok(:found + :later_found, '<', 5000, '… without a look at all that was claimed meanwhile');
truncate test.claim;

select is((select count(*)::int from gendurable.instances where phase = 'ready'), 5 * 300,
    'and nothing is lost: the backlogs are what they were');
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'F' || g % 3, 'queue', 'many'))
    from generate_series(1, 2000) as g)) \g /dev/null
-- Beside a thousand instances of several kinds that another transaction holds. (11,000 where each look is for one.)
select test.exec('idler', 'begin') \g /dev/null
select test.query('idler', $$
    select count(*) from (select id from gendurable.instances where phase = 'ready' and queue = 'many' order by id
        limit 1000 for no key update) as x $$) \g /dev/null
select test.buffers(format('insert into test.claim select id, fence from gd_pick(%s, ''many'', 1)', :w)) as beside \gset
select cmp_ok(:beside, '<', 6000, 'a pick passes over what others hold in a few looks');
select test.exec('idler', 'rollback') \g /dev/null
select * from finish();
\if :{?show}
select what, call, n / 20, min(buffers), round(avg(buffers)), max(buffers) from test.cost group by 1, 2, 3 order by 1,
    2, 3;
\endif
