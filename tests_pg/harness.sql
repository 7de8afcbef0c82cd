-- What every pgTAP file finds in its database beside the engine: the extensions, and a few functions in
-- schema test that hold a second session, so that a race test can force its interleaving.
create extension pgtap;
create extension dblink;
select count(*) > 0 as has_check from pg_available_extensions where name = 'plpgsql_check' \gset
\if :has_check
    create extension plpgsql_check;    -- only tests_pg/catalog/plpgsql_check.sql and the coverage need it
\endif

create schema test;

-- Tests put rows into gendurable.instances by hand. Those that say nothing of a lane stand in the line of their kind.
create function test.stand_in_line() returns trigger
language plpgsql as $$
begin
    new.lane := gendurable._kind(new.queue, new.fsm, new.fsm_version, new.step)::bigint << 40;
    return new;
end
$$;
create trigger stand_in_line before insert on gendurable.instances
    for each row when (new.lane = 0) execute function test.stand_in_line();
create trigger change_lane before update of queue, fsm, fsm_version on gendurable.instances for each row
    when ((old.queue, old.fsm, old.fsm_version) is distinct
        from (new.queue, new.fsm, new.fsm_version) and new.lane = old.lane and old.phase <> 'executing')
    execute function test.stand_in_line();

-- And those that say nothing of a claim are claimed now.
create function test.claim_now() returns trigger
language plpgsql as $$
begin
    new.claimed_at := clock_timestamp();
    return new;
end
$$;
create trigger claim_now before insert or update of phase on gendurable.instances
    for each row when (new.phase = 'executing' and new.claimed_at is null)
    execute function test.claim_now();

-- What they let wait for a moment stands in the run of their transaction, as the engine has it. (The engine pins its
-- search_path.)
create function test.wait_in_run() returns trigger
language plpgsql as $$
begin
    if tg_op = 'UPDATE' or new.lane & 1099511627775 = 0 then
        new.lane := (new.lane >> 40 << 40) | gendurable._run(pg_current_xact_id());
    end if;
    return new;
end
$$;
create trigger wait_in_run before insert or update of phase, eligible_at on gendurable.instances
for each row when (new.phase in ('scheduled', 'awaiting_signal')
    and current_setting('search_path') <> 'pg_catalog, pg_temp') execute function test.wait_in_run();

create function test.fence(id bigint) returns bigint
language sql stable as $$ select i.fence from gendurable.instances as i where i.id = fence.id $$;
comment on function test.fence(bigint)
    is 'The current fence of an instance: a claim has any that is greater than the one before.';

create function test.buffers(query text, times int default 1) returns int
language plpgsql as $$
declare
    v_plan json;
begin
    for v_i in 1 .. times loop
        execute 'explain (analyze, buffers, timing off, summary off, format json) ' || query into v_plan;
    end loop;
    return (v_plan #>> '{0,Plan,Shared Hit Blocks}')::int + (v_plan #>> '{0,Plan,Shared Read Blocks}')::int;
end
$$;
comment on function test.buffers(text,
    int) is 'How many buffers a query looks at: the last time of several, when its plans are made.';

create function test.connect(session text) returns void
language plpgsql as $$
begin
    perform dblink_connect(connect.session, format('host=%s port=%s user=%s dbname=%s application_name=%s',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'),
        current_user, current_database(), connect.session));
    perform dblink_exec(connect.session, 'set client_min_messages = error');
end
$$;
comment on function test.connect(text) is 'Opens a named second session on this database.';

create function test.exec(session text, command text) returns text
language sql as $$ select dblink_exec(session, command) $$;
comment on function test.exec(text,
    text) is 'Runs a command without a result (begin, commit, update) and waits for it.';

create function test.query(session text, query text) returns jsonb
language plpgsql as $$
begin
    perform test.send(query.session, query.query);
    return test.answer(query.session);
end
$$;
comment on function test.query(text,
    text) is 'Runs a query (or DML with returning) and answers its rows as a jsonb array.';

create function test.send(session text, query text) returns void
language plpgsql as $$
begin
    perform dblink_send_query(send.session,
        format('with q as (%s) select coalesce(jsonb_agg(to_jsonb(q)), ''[]'') from q', send.query));
end
$$;
comment on function test.send(text, text) is 'Starts a query without waiting for it; test.answer takes its rows.';

create function test.answer(session text) returns jsonb
language plpgsql as $$
declare
    v_rows jsonb;
begin
    -- An error of the other session is raised here with its own SQLSTATE. The second call drains the
    -- connection: libpq must see the end of the results before the next query.
    begin
        select r.rows into v_rows from dblink_get_result(answer.session) as r (rows jsonb);
    exception when others then
        perform 1 from dblink_get_result(answer.session) as r (rows jsonb);
        raise;
    end;
    perform 1 from dblink_get_result(answer.session) as r (rows jsonb);
    return v_rows;
end
$$;
comment on function test.answer(text)
    is 'Waits for the query that test.send started and answers its rows as a jsonb array.';

create function test.is_blocked(session text, patience interval default '60 s') returns boolean
language plpgsql as $$
declare
    v_until constant timestamptz := clock_timestamp() + patience;
begin
    loop
        perform pg_stat_clear_snapshot();
        if exists (
            -- By another session of this test: commits that notify queue for a moment, those of all databases together.
            select from pg_stat_activity as a
            join pg_stat_activity as b on b.pid = any (pg_blocking_pids(a.pid)) and b.datname = a.datname
            where a.datname = current_database() and a.application_name = is_blocked.session
        ) then
            return true;
        end if;
        if clock_timestamp() > v_until or dblink_is_busy(is_blocked.session) = 0 then
            return false;
        end if;
        perform pg_sleep(0.002);  -- the pace of looking, not what orders the sessions
    end loop;
end
$$;
comment on function test.is_blocked(text, interval) is
    'Waits until the session waits for another one''s lock: true; false if its query ends or patience does.';

create function test.up_for_ever() returns void
language plpgsql as $$
begin
    create or replace function gendurable._up_since() returns timestamptz
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
    as $w$
    begin
        return timestamptz '-infinity';
    end
    $w$;
end
$$;
comment on function test.up_for_ever() is
    'Lets a lease end when it says, though this server has just been started.';

create function test.mid_window() returns void
language plpgsql as $$
begin
    execute format($f$
        create or replace function gendurable._partition_start(p_moment timestamptz,
            p_length interval default '6 hours')
        returns timestamptz
        language plpgsql immutable
        set search_path = pg_catalog, pg_temp
        as $w$
        begin
            return date_bin(p_length, p_moment, %L);
        end
        $w$ $f$, date_trunc('hour', now() - interval '3 hours', 'UTC'));
end
$$;
comment on function test.mid_window() is
    'Shifts the archive''s windows by whole hours, so that the test runs in the middle of one, whatever time of the '
    'day it is.';
