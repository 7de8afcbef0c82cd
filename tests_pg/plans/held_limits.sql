-- What limits change all the time stays as cheap as it was, while a snapshot is held that keeps every dead row. Buffers
-- of whole calls, around the 5,000th turn and around the 20,000th. (Floors are moved by chance, once in some 500 turns,
-- so what lies between them and the present varies.)
select plan(9);
set lock_timeout = '60s';
select test.connect('holder') \g /dev/null
select gd_register('w', '{p,q}', '1 day') as w \gset

\ir held.psql

-- A bucket that is drawn from and one that falls due, 20,000 times each, a maintenance now and then.
select gd_set_rate_limit('r', 1e9, '1 s', 1e9) \g /dev/null
select (gd_enqueue('draws', queue => 'p', rate_limit => 'r')).id as i \gset
create procedure test.turn_buckets(p_id bigint)
language plpgsql as $$
declare
    c_draw constant text := format('select gendurable._admit_tokens(array[%s::bigint])', p_id);
    c_look constant text := 'select * from gendurable._announced(clock_timestamp())';
    v_late boolean;
    v_cap  timestamptz;
begin
    for v_n in 1 .. 20000 loop
        v_late := case when v_n between 4900 and 5100 then false when v_n > 19800 then true end;
        if v_late is null then
            perform gendurable._admit_tokens(array[p_id]);
        else
            insert into test.cost values ('draw', v_late, test.buffers(c_draw)), ('look', v_late, test.buffers(c_look)),
                ('sweep', v_late, test.buffers('select gendurable._sweep_buckets()')),
                ('due', v_late, test.buffers('select gd_next_due(''p'')'));
        end if;
        commit;
        -- What is due is answered, and falls due again, as _offer_tokens notes it.
        v_cap := gendurable._due_cap();
        delete from gendurable.buckets as b
            where b.ctid = (select x.place from gendurable._bucket('r:due', v_cap) as x);
        insert into gendurable.buckets (key, seq, tokens, refilled_at, due_at)
        values ('r:due', gendurable._next_seq(null, v_cap), 0, v_cap, v_cap + interval '1 ms');
        if random() < 1 / 500.0 then
            perform gendurable._move_limit_trail();
        end if;
        commit;
    end loop;
end
$$;
delete from gendurable.doorbells;
select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.buckets') \g /dev/null
call test.turn_buckets(:i);
select diag(format('%s: %s', c.what, string_agg(c.line, ' → ' order by c.late)))
    from (select what, late, percentile_cont(0.5) within group (order by buffers)::text as line from test.cost
        group by 1, 2) as c group by c.what;
select cmp_ok(test.ratio('draw'), '<', 2.0, 'a draw reads what the first ones read');
select cmp_ok(test.most('look'), '<', 150, 'a pick that looks whether a bucket is due does not read all that were');
select cmp_ok(test.most('sweep'), '<', 150, 'nor does the sweep');
select cmp_ok(test.ratio('due'), '<', 1.5, 'and gd_next_due');

-- 20,000 doorbells, each answered.
create procedure test.turn_doorbells()
language plpgsql as $$
declare
    v_late boolean;
begin
    for v_n in 1 .. 20000 loop
        perform gendurable._ring('{bell}');
        commit;
        v_late := case when v_n between 400 and 600 then false when v_n > 19800 then true end;
        if v_late is null then
            perform gendurable._offer_slots();
        else
            insert into test.cost values ('bell', v_late,
                test.buffers('select * from gendurable._announced(clock_timestamp())')),
                ('answer', v_late, test.buffers('select gendurable._offer_slots()'));
        end if;
        commit;
    end loop;
end
$$;
call test.turn_doorbells();
select diag(format('%s: %s', c.what, string_agg(c.line, ' → ' order by c.late)))
from (select what, late, percentile_cont(0.5) within group (order by buffers)::text || ' (most ' || max(buffers) || ')'
    as line from test.cost where what in ('bell', 'answer') group by 1, 2) as c group by c.what;
select cmp_ok(test.most('bell'), '<', 200, 'a pick that looks for doorbells does not read all that were answered');
select cmp_ok(test.most('answer'), '<', 400, 'nor does one that answers some');

-- A concurrency key of which 20,000 execute, one after the other.
create procedure test.turn_slots(worker bigint)
language plpgsql as $$
declare
    c_key  constant text := 'k';
    v_late boolean;
    v_id   bigint;
begin
    insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority,
        fsm_version, fsm, queue, concurrency_key)
    values (1000001, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'keyed', 'q', c_key);
    for v_n in 1 .. 20000 loop
        v_late := case when v_n between 400 and 600 then false when v_n > 19800 then true end;
        if v_late is not null then
            insert into test.cost values ('count', v_late, test.buffers('select * from gendurable._capacity(''k'')')),
                ('guess', v_late, test.buffers('select * from gendurable._estimate_free_slots(''{k}'')'));
        end if;
        perform gendurable._lock_name('slot', c_key);
        if random() < 1 / 100.0 then
            perform gendurable._move_busy_floors(array[c_key]);
        end if;
        -- A claim and its end, as far as the index of what executes is concerned.
        insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority,
            fsm_version, fsm, queue, concurrency_key, claimed_at, worker_id, lane)
        values (2000000 + v_n, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'keyed', 'q', c_key,
            clock_timestamp(), worker, 1);
        commit;
        delete from gendurable.instances where id = 2000000 + v_n;
        commit;
    end loop;
end
$$;
call test.turn_slots(:w);
select diag(format('%s: %s', c.what, string_agg(c.line, ' → ' order by c.late)))
from (select what, late, percentile_cont(0.5) within group (order by buffers)::text || ' (most ' || max(buffers) || ')'
    as line from test.cost where what in ('count', 'guess') group by 1, 2) as c group by c.what;
select cmp_ok(test.most('count'), '<', 100, 'the count of what executes of a key does not read what has executed');
select cmp_ok(test.most('guess'), '<', 100, 'nor does the guess for a newcomer');
select cmp_ok(test.ratio('count'), '<', 3.0, 'it reads what the first ones read');
select * from finish();
