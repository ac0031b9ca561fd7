//! The tables as diesel sees them: the same on both backends (see `migrations/`).

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    accounts (id) {
        id -> BigInt,
        username -> Text,
        username_lower -> Text,
        domain -> Text,
        uri -> Text,
        url -> Text,
        kind -> Text,
        display_name -> Text,
        note -> Text,
        fields -> Text,
        emojis -> Text,
        avatar -> Text,
        avatar_description -> Text,
        header -> Text,
        header_description -> Text,
        inbox_url -> Text,
        delivery_url -> Text,
        delivery_host -> Text,
        followers_url -> Text,
        endpoints -> Text,
        locked -> Bool,
        discoverable -> Bool,
        indexable -> Bool,
        hide_collections -> Bool,
        also_known_as -> Text,
        moved_to -> Text,
        created_at -> BigInt,
        fetched_at -> BigInt,
        suspended_at -> Nullable<BigInt>,
        silenced_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        sensitized_at -> Nullable<BigInt>,
    }
}

table! {
    account_stats (account_id) {
        account_id -> BigInt,
        followers_count -> BigInt,
        following_count -> BigInt,
        statuses_count -> BigInt,
        last_status_at -> Nullable<BigInt>,
        followers_beyond -> BigInt,
        following_beyond -> BigInt,
        statuses_beyond -> BigInt,
    }
}

table! {
    account_keys (key_id) {
        key_id -> Text,
        account_id -> BigInt,
        public_key -> Text,
        private_key -> Nullable<Text>,
        created_at -> BigInt,
    }
}

table! {
    invites (id) {
        id -> BigInt,
        code -> Text,
        account_id -> Nullable<BigInt>,
        max_uses -> Nullable<BigInt>,
        uses -> BigInt,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

table! {
    users (account_id) {
        account_id -> BigInt,
        email -> Text,
        email_lower -> Text,
        password_hash -> Text,
        role -> Text,
        locale -> Text,
        settings -> Text,
        reason -> Text,
        created_at -> BigInt,
        confirmed_at -> Nullable<BigInt>,
        approved_at -> Nullable<BigInt>,
        disabled_at -> Nullable<BigInt>,
        last_sign_in_at -> Nullable<BigInt>,
        chat_policy -> Text,
        message_requests -> Bool,
        read_receipts -> Bool,
        presence -> Bool,
        notify_dislikes -> Bool,
        invite_id -> Nullable<BigInt>,
        leaving_at -> Nullable<BigInt>,
        leaves_at -> Nullable<BigInt>,
        sign_up_ip -> Text,
        sign_up_app_id -> Nullable<BigInt>,
    }
}

table! {
    one_time_codes (id) {
        id -> BigInt,
        account_id -> BigInt,
        purpose -> Text,
        code_hash -> Text,
        tries -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

table! {
    apps (id) {
        id -> BigInt,
        client_id -> Text,
        client_secret -> Text,
        name -> Text,
        website -> Nullable<Text>,
        redirect_uris -> Text,
        scopes -> Text,
        created_at -> BigInt,
    }
}

table! {
    oauth_codes (code_hash) {
        code_hash -> Text,
        app_id -> BigInt,
        account_id -> BigInt,
        redirect_uri -> Text,
        scopes -> Text,
        challenge -> Nullable<Text>,
        challenge_method -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        token_id -> Nullable<BigInt>,
    }
}

table! {
    tokens (id) {
        id -> BigInt,
        account_id -> Nullable<BigInt>,
        app_id -> Nullable<BigInt>,
        family_id -> Nullable<BigInt>,
        scopes -> Text,
        name -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        ip -> Text,
        user_agent -> Text,
    }
}

table! {
    refresh_tokens (token_hash) {
        token_hash -> Text,
        account_id -> BigInt,
        family_id -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        spent_at -> Nullable<BigInt>,
    }
}

table! {
    web_sessions (session_hash) {
        session_hash -> Text,
        account_id -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

table! {
    statuses (id) {
        id -> BigInt,
        uri -> Text,
        url -> Text,
        account_id -> BigInt,
        local -> Bool,
        local_only -> Bool,
        visibility -> SmallInt,
        kind -> Text,
        title -> Text,
        content -> Text,
        source -> Text,
        source_type -> Text,
        spoiler_text -> Text,
        sensitive -> Bool,
        language -> Nullable<Text>,
        in_reply_to_id -> Nullable<BigInt>,
        in_reply_to_account_id -> Nullable<BigInt>,
        in_reply_to_uri -> Nullable<Text>,
        reblog_of_id -> Nullable<BigInt>,
        conversation_id -> BigInt,
        app_id -> Nullable<BigInt>,
        emojis -> Text,
        created_at -> BigInt,
        edited_at -> Nullable<BigInt>,
        fetched_at -> Nullable<BigInt>,
        consent -> SmallInt,
        context -> Text,
        replies -> Text,
    }
}

table! {
    status_stats (status_id) {
        status_id -> BigInt,
        replies_count -> BigInt,
        reblogs_count -> BigInt,
        favourites_count -> BigInt,
        quotes_count -> BigInt,
        dislikes_count -> BigInt,
        reactions_count -> BigInt,
        views_count -> BigInt,
        score -> BigInt,
        parent_id -> Nullable<BigInt>,
    }
}

table! {
    mentions (status_id, account_id) {
        status_id -> BigInt,
        account_id -> BigInt,
    }
}

table! {
    tags (id) {
        id -> BigInt,
        name -> Text,
        display_name -> Text,
        created_at -> BigInt,
    }
}

table! {
    status_tags (tag_id, status_id) {
        tag_id -> BigInt,
        status_id -> BigInt,
    }
}

table! {
    media (id) {
        id -> BigInt,
        account_id -> BigInt,
        status_id -> Nullable<BigInt>,
        position -> BigInt,
        kind -> Text,
        mime -> Text,
        file -> Text,
        preview -> Text,
        remote_url -> Text,
        description -> Text,
        blurhash -> Text,
        meta -> Text,
        size -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    follows (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        uri -> Text,
        reblogs -> Bool,
        notify -> Bool,
        languages -> Text,
        created_at -> BigInt,
    }
}

table! {
    follow_requests (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        uri -> Text,
        reblogs -> Bool,
        notify -> Bool,
        languages -> Text,
        created_at -> BigInt,
    }
}

table! {
    blocks (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    mutes (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        notifications -> Bool,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
    }
}

table! {
    favourites (id) {
        id -> BigInt,
        account_id -> BigInt,
        status_id -> BigInt,
        uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    bookmarks (id) {
        id -> BigInt,
        account_id -> BigInt,
        status_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    notifications (id) {
        id -> BigInt,
        account_id -> BigInt,
        from_account_id -> BigInt,
        kind -> Text,
        status_id -> Nullable<BigInt>,
        created_at -> BigInt,
        read_at -> Nullable<BigInt>,
        filtered -> Bool,
        group_key -> Text,
        subject_id -> Nullable<BigInt>,
        kith -> Bool,
    }
}

table! {
    home_entries (account_id, status_id) {
        account_id -> BigInt,
        status_id -> BigInt,
        author_id -> BigInt,
    }
}

table! {
    tombstones (uri) {
        uri -> Text,
        account_id -> BigInt,
        deleted_at -> BigInt,
        by_author -> Bool,
    }
}

table! {
    group_posts (status_id, group_id) {
        status_id -> BigInt,
        group_id -> BigInt,
        locked -> Bool,
        removed_at -> Nullable<BigInt>,
        removed_by -> Text,
        announce_uri -> Text,
        announced_at -> BigInt,
    }
}

table! {
    group_votes (status_id, actor_uri) {
        status_id -> BigInt,
        actor_uri -> Text,
        group_id -> BigInt,
        value -> SmallInt,
        created_at -> BigInt,
    }
}

table! {
    idempotency_keys (account_id, idempotency_key) {
        account_id -> BigInt,
        idempotency_key -> Text,
        status_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    domain_policies (domain) {
        domain -> Text,
        severity -> Text,
        reject_media -> Bool,
        public_comment -> Text,
        private_comment -> Text,
        created_at -> BigInt,
        reject_reports -> Bool,
        id -> BigInt,
        obfuscate -> Bool,
        subscription_id -> Nullable<BigInt>,
    }
}

table! {
    relays (id) {
        id -> BigInt,
        kind -> Text,
        inbox_url -> Text,
        actor_uri -> Text,
        follow_uri -> Text,
        followed_uri -> Text,
        state -> Text,
        created_at -> BigInt,
        answered_at -> Nullable<BigInt>,
    }
}

table! {
    hosts (host) {
        host -> Text,
        signature -> Text,
        failures -> BigInt,
        failing_since -> Nullable<BigInt>,
        retry_at -> Nullable<BigInt>,
        last_success_at -> Nullable<BigInt>,
        last_error -> Text,
    }
}

table! {
    inbox_queue (id) {
        id -> BigInt,
        activity_uri -> Text,
        actor_uri -> Text,
        kind -> Text,
        state -> SmallInt,
        attempts -> BigInt,
        received_at -> BigInt,
        next_at -> BigInt,
        leased_until -> BigInt,
        leased_by -> BigInt,
        last_error -> Text,
        trace -> Nullable<Text>,
    }
}

table! {
    inbox_bodies (id) {
        id -> BigInt,
        body -> Text,
    }
}

table! {
    origin_suspensions (account_id) {
        account_id -> BigInt,
        since -> BigInt,
    }
}

table! {
    outgoing_activities (id) {
        id -> BigInt,
        account_id -> BigInt,
        kind -> Text,
        payload -> Text,
        created_at -> BigInt,
        trace -> Nullable<Text>,
    }
}

table! {
    deliveries (id) {
        id -> BigInt,
        activity_id -> BigInt,
        inbox -> Text,
        host -> Text,
        state -> SmallInt,
        attempts -> BigInt,
        next_at -> BigInt,
        leased_until -> BigInt,
        done_at -> Nullable<BigInt>,
        answer -> Nullable<BigInt>,
        last_error -> Text,
        leased_by -> BigInt,
    }
}

table! {
    jobs (id) {
        id -> BigInt,
        kind -> Text,
        unique_key -> Nullable<Text>,
        payload -> Text,
        attempts -> BigInt,
        run_at -> BigInt,
        leased_until -> BigInt,
        failed_at -> Nullable<BigInt>,
        last_error -> Text,
        created_at -> BigInt,
        leased_by -> BigInt,
        trace -> Nullable<Text>,
    }
}

table! {
    events (id) {
        id -> BigInt,
        xid -> BigInt,
        origin -> BigInt,
        account_id -> Nullable<BigInt>,
        kind -> Text,
        subject_id -> BigInt,
        payload -> Text,
        created_at -> BigInt,
    }
}

table! {
    settings (name) {
        name -> Text,
        value -> Text,
    }
}

table! {
    filters (id) {
        id -> BigInt,
        account_id -> BigInt,
        title -> Text,
        context -> Text,
        action -> Text,
        expires_at -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

table! {
    filter_keywords (id) {
        id -> BigInt,
        filter_id -> BigInt,
        keyword -> Text,
        whole_word -> Bool,
        created_at -> BigInt,
    }
}

table! {
    filter_statuses (id) {
        id -> BigInt,
        filter_id -> BigInt,
        status_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    account_notes (account_id, target_id) {
        account_id -> BigInt,
        target_id -> BigInt,
        comment -> Text,
        updated_at -> BigInt,
    }
}

table! {
    endorsements (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    account_domain_blocks (id) {
        id -> BigInt,
        account_id -> BigInt,
        domain -> Text,
        created_at -> BigInt,
    }
}

table! {
    dismissed_suggestions (account_id, target_id) {
        account_id -> BigInt,
        target_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    reports (id) {
        id -> BigInt,
        uri -> Text,
        account_id -> BigInt,
        target_id -> BigInt,
        category -> Text,
        comment -> Text,
        status_ids -> Text,
        rule_ids -> Text,
        forwarded -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
        assigned_account_id -> Nullable<BigInt>,
        action_taken_at -> Nullable<BigInt>,
        action_taken_by_id -> Nullable<BigInt>,
    }
}

table! {
    account_warnings (id) {
        id -> BigInt,
        target_id -> BigInt,
        account_id -> Nullable<BigInt>,
        report_id -> Nullable<BigInt>,
        action -> Text,
        text -> Text,
        status_ids -> Text,
        appeal_hash -> Text,
        created_at -> BigInt,
        overruled_at -> Nullable<BigInt>,
    }
}

table! {
    appeals (id) {
        id -> BigInt,
        warning_id -> BigInt,
        account_id -> BigInt,
        text -> Text,
        state -> SmallInt,
        created_at -> BigInt,
        decided_at -> Nullable<BigInt>,
        decided_by_id -> Nullable<BigInt>,
    }
}

table! {
    audit_log (id) {
        id -> BigInt,
        account_id -> Nullable<BigInt>,
        actor -> Text,
        action -> Text,
        target_type -> Text,
        target_id -> Nullable<BigInt>,
        target -> Text,
        details -> Text,
        created_at -> BigInt,
    }
}

table! {
    account_profiles (account_id) {
        account_id -> BigInt,
        show_media -> Bool,
        show_media_replies -> Bool,
        show_featured -> Bool,
        attribution_domains -> Text,
        location -> Text,
        status_text -> Text,
        status_emoji -> Text,
        status_expires_at -> Nullable<BigInt>,
    }
}

table! {
    totp (account_id) {
        account_id -> BigInt,
        secret -> Text,
        confirmed_at -> Nullable<BigInt>,
        last_step -> BigInt,
        tries -> BigInt,
        tried_at -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    recovery_codes (account_id, code_hash) {
        account_id -> BigInt,
        code_hash -> Text,
        used_at -> Nullable<BigInt>,
    }
}

table! {
    former_usernames (username_lower) {
        username_lower -> Text,
        account_id -> BigInt,
        changed_at -> BigInt,
    }
}

table! {
    retired_files (file) {
        file -> Text,
        retired_at -> BigInt,
    }
}

table! {
    status_edits (id) {
        id -> BigInt,
        status_id -> BigInt,
        content -> Text,
        spoiler_text -> Text,
        sensitive -> Bool,
        emojis -> Text,
        media -> Text,
        options -> Nullable<Text>,
        created_at -> BigInt,
    }
}

table! {
    polls (id) {
        id -> BigInt,
        status_id -> BigInt,
        account_id -> BigInt,
        multiple -> Bool,
        hide_totals -> Bool,
        voters_count -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
        fetched_at -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

table! {
    poll_options (poll_id, position) {
        poll_id -> BigInt,
        position -> BigInt,
        title -> Text,
        votes_count -> BigInt,
    }
}

table! {
    poll_votes (id) {
        id -> BigInt,
        poll_id -> BigInt,
        account_id -> BigInt,
        choice -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    scheduled_statuses (id) {
        id -> BigInt,
        account_id -> BigInt,
        scheduled_at -> BigInt,
        draft -> Text,
        created_at -> BigInt,
    }
}

table! {
    scheduled_media (media_id) {
        media_id -> BigInt,
        scheduled_status_id -> BigInt,
    }
}

table! {
    pins (id) {
        id -> BigInt,
        account_id -> BigInt,
        status_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    thread_mutes (account_id, conversation_id) {
        account_id -> BigInt,
        conversation_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    lists (id) {
        id -> BigInt,
        account_id -> BigInt,
        title -> Text,
        replies_policy -> Text,
        exclusive -> Bool,
        created_at -> BigInt,
    }
}

table! {
    list_members (id) {
        id -> BigInt,
        list_id -> BigInt,
        account_id -> BigInt,
    }
}

table! {
    list_entries (list_id, status_id) {
        list_id -> BigInt,
        status_id -> BigInt,
        author_id -> BigInt,
    }
}

table! {
    conversations (id) {
        id -> BigInt,
        account_id -> BigInt,
        thread_id -> BigInt,
        participants -> Text,
        last_status_id -> BigInt,
        unread -> Bool,
    }
}

table! {
    conversation_statuses (conversation_id, status_id) {
        conversation_id -> BigInt,
        status_id -> BigInt,
    }
}

table! {
    markers (account_id, timeline) {
        account_id -> BigInt,
        timeline -> Text,
        last_read_id -> BigInt,
        version -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    media_work (media_id) {
        media_id -> BigInt,
        source -> Text,
        file -> Text,
        preview -> Text,
        error -> Text,
        created_at -> BigInt,
    }
}

table! {
    remote_files (hash) {
        hash -> Text,
        url -> Text,
        file -> Text,
        preview -> Text,
        size -> BigInt,
        failures -> BigInt,
        error -> Text,
        retry_at -> BigInt,
        fetched_at -> BigInt,
        used_at -> BigInt,
    }
}

table! {
    remote_files_total (id) {
        id -> BigInt,
        bytes -> BigInt,
    }
}

table! {
    tag_follows (id) {
        id -> BigInt,
        account_id -> BigInt,
        tag_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    featured_tags (id) {
        id -> BigInt,
        account_id -> BigInt,
        tag_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    account_tags (account_id, tag_id) {
        account_id -> BigInt,
        tag_id -> BigInt,
        statuses_count -> BigInt,
        last_status_at -> Nullable<BigInt>,
    }
}

table! {
    trend_days (kind, subject_id, day) {
        kind -> SmallInt,
        subject_id -> BigInt,
        day -> BigInt,
        uses -> BigInt,
        accounts -> BigInt,
    }
}

table! {
    trend_accounts (kind, subject_id, day, account_id) {
        kind -> SmallInt,
        subject_id -> BigInt,
        day -> BigInt,
        account_id -> BigInt,
    }
}

table! {
    trends (kind, place) {
        kind -> SmallInt,
        place -> BigInt,
        subject_id -> BigInt,
        score -> BigInt,
        shown -> Bool,
    }
}

table! {
    periodic_work (name) {
        name -> Text,
        begun_at -> BigInt,
    }
}

table! {
    quotes (status_id) {
        status_id -> BigInt,
        account_id -> BigInt,
        quoted_id -> Nullable<BigInt>,
        quoted_account_id -> Nullable<BigInt>,
        quoted_uri -> Text,
        state -> SmallInt,
        legacy -> Bool,
        request_uri -> Text,
        approval_uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    interaction_policies (status_id, verb) {
        status_id -> BigInt,
        verb -> SmallInt,
        automatic -> SmallInt,
        manual -> SmallInt,
    }
}

table! {
    interaction_authorizations (id) {
        id -> BigInt,
        verb -> SmallInt,
        account_id -> BigInt,
        status_id -> BigInt,
        interacting_uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    interaction_requests (id) {
        id -> BigInt,
        verb -> SmallInt,
        account_id -> BigInt,
        target_id -> BigInt,
        status_id -> BigInt,
        reply_id -> Nullable<BigInt>,
        visibility -> SmallInt,
        state -> SmallInt,
        interaction_uri -> Text,
        request_uri -> Text,
        stamp_uri -> Text,
        created_at -> BigInt,
        decided_at -> Nullable<BigInt>,
    }
}
table! {
    preview_cards (id) {
        id -> BigInt,
        url -> Text,
        state -> SmallInt,
        kind -> Text,
        title -> Text,
        description -> Text,
        author_name -> Text,
        author_url -> Text,
        author_account_id -> Nullable<BigInt>,
        provider_name -> Text,
        provider_url -> Text,
        html -> Text,
        width -> BigInt,
        height -> BigInt,
        image -> Text,
        image_description -> Text,
        embed_url -> Text,
        blurhash -> Text,
        language -> Nullable<Text>,
        published_at -> Nullable<BigInt>,
        fetched_at -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    status_cards (status_id) {
        status_id -> BigInt,
        card_id -> BigInt,
    }
}

table! {
    translations (status_id, target) {
        status_id -> BigInt,
        target -> Text,
        edited_at -> BigInt,
        payload -> Text,
        created_at -> BigInt,
    }
}

table! {
    account_words (word, account_id) {
        word -> Text,
        account_id -> BigInt,
    }
}

table! {
    search_progress (id) {
        id -> BigInt,
        xid -> BigInt,
        event_id -> BigInt,
        seen_at -> BigInt,
        statuses_below -> BigInt,
        accounts_above -> BigInt,
    }
}

table! {
    notification_groups (account_id, group_key) {
        account_id -> BigInt,
        group_key -> Text,
        kind -> Text,
        status_id -> Nullable<BigInt>,
        newest_id -> BigInt,
        oldest_id -> BigInt,
        newest_at -> BigInt,
        total -> BigInt,
        samples -> Text,
    }
}

table! {
    notification_policies (account_id) {
        account_id -> BigInt,
        not_following -> Text,
        not_followers -> Text,
        new_accounts -> Text,
        private_mentions -> Text,
        limited_accounts -> Text,
    }
}

table! {
    notification_permissions (account_id, from_account_id) {
        account_id -> BigInt,
        from_account_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    notification_requests (id) {
        id -> BigInt,
        account_id -> BigInt,
        from_account_id -> BigInt,
        last_status_id -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    notification_merges (account_id, from_account_id) {
        account_id -> BigInt,
        from_account_id -> BigInt,
    }
}

table! {
    push_subscriptions (id) {
        id -> BigInt,
        token_id -> BigInt,
        account_id -> BigInt,
        endpoint -> Text,
        p256dh -> Text,
        auth -> Text,
        standard -> Bool,
        alerts -> Text,
        policy -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    announcements (id) {
        id -> BigInt,
        source -> Text,
        content -> Text,
        refs -> Text,
        all_day -> Bool,
        starts_at -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
        scheduled_at -> Nullable<BigInt>,
        published_at -> Nullable<BigInt>,
        withdrawn_at -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    announcement_reads (account_id, announcement_id) {
        account_id -> BigInt,
        announcement_id -> BigInt,
    }
}

table! {
    announcement_reactions (announcement_id, name, account_id) {
        announcement_id -> BigInt,
        name -> Text,
        account_id -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    custom_emojis (id) {
        id -> BigInt,
        shortcode -> Text,
        domain -> Text,
        image -> Text,
        static_image -> Text,
        mime -> Text,
        category -> Text,
        visible_in_picker -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    rules (id) {
        id -> BigInt,
        position -> BigInt,
        body -> Text,
        hint -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        removed_at -> Nullable<BigInt>,
    }
}

table! {
    rule_translations (rule_id, locale) {
        rule_id -> BigInt,
        locale -> Text,
        body -> Text,
        hint -> Text,
    }
}

table! {
    terms_of_service (effective_date) {
        effective_date -> Text,
        body -> Text,
        created_at -> BigInt,
    }
}

table! {
    active_weeks (week, account_id) {
        week -> BigInt,
        account_id -> BigInt,
    }
}

table! {
    chats (id) {
        id -> BigInt,
        low_id -> BigInt,
        high_id -> BigInt,
        last_id -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    chat_members (chat_id, account_id) {
        chat_id -> BigInt,
        account_id -> BigInt,
        other_id -> BigInt,
        position -> BigInt,
        visible -> Bool,
        state -> SmallInt,
        unread_count -> BigInt,
        last_read_id -> BigInt,
        horizon_id -> BigInt,
    }
}

table! {
    chat_messages (id) {
        id -> BigInt,
        chat_id -> BigInt,
        account_id -> BigInt,
        uri -> Text,
        form -> Text,
        source -> Text,
        source_type -> Text,
        content -> Text,
        encrypted -> Nullable<Text>,
        emojis -> Text,
        reply_to_id -> Nullable<BigInt>,
        quote_id -> Nullable<BigInt>,
        shared_status_id -> Nullable<BigInt>,
        idempotency_key -> Nullable<Text>,
        activity_id -> Nullable<BigInt>,
        created_at -> BigInt,
        edited_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        delivered_at -> Nullable<BigInt>,
        read_at -> Nullable<BigInt>,
    }
}

table! {
    chat_hidden (message_id, account_id) {
        message_id -> BigInt,
        account_id -> BigInt,
    }
}

table! {
    chat_edits (id) {
        id -> BigInt,
        message_id -> BigInt,
        source -> Text,
        content -> Text,
        created_at -> BigInt,
    }
}

table! {
    chat_reactions (message_id, account_id, name) {
        message_id -> BigInt,
        account_id -> BigInt,
        name -> Text,
        url -> Text,
        uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    chat_files (media_id) {
        media_id -> BigInt,
        message_id -> Nullable<BigInt>,
        position -> BigInt,
        name -> Text,
    }
}

table! {
    friend_requests (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        status -> Text,
        created_at -> BigInt,
        decided_at -> Nullable<BigInt>,
    }
}

table! {
    account_moves (id) {
        id -> BigInt,
        account_id -> BigInt,
        target_id -> BigInt,
        followers -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    follower_digests (account_id, origin) {
        account_id -> BigInt,
        origin -> Text,
        digest_0 -> BigInt,
        digest_1 -> BigInt,
        digest_2 -> BigInt,
        digest_3 -> BigInt,
    }
}

table! {
    drafts (id) {
        id -> BigInt,
        account_id -> BigInt,
        draft -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    draft_media (draft_id, media_id) {
        draft_id -> BigInt,
        media_id -> BigInt,
    }
}

table! {
    bookmark_folders (id) {
        id -> BigInt,
        account_id -> BigInt,
        name -> Text,
        name_key -> Text,
        created_at -> BigInt,
    }
}

table! {
    bookmark_folder_items (id) {
        id -> BigInt,
        folder_id -> BigInt,
        bookmark_id -> BigInt,
        status_id -> BigInt,
    }
}

table! {
    dislikes (id) {
        id -> BigInt,
        account_id -> BigInt,
        status_id -> BigInt,
        uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    emoji_reactions (id) {
        id -> BigInt,
        account_id -> BigInt,
        status_id -> BigInt,
        name -> Text,
        domain -> Text,
        uri -> Text,
        created_at -> BigInt,
    }
}

table! {
    reaction_counts (status_id, name, domain) {
        status_id -> BigInt,
        name -> Text,
        domain -> Text,
        url -> Text,
        static_url -> Text,
        total -> BigInt,
        first_id -> BigInt,
    }
}

table! {
    status_views (status_id, account_id, day) {
        status_id -> BigInt,
        account_id -> BigInt,
        day -> BigInt,
    }
}

table! {
    status_days (status_id, day) {
        status_id -> BigInt,
        day -> BigInt,
        views -> BigInt,
        likes -> BigInt,
        dislikes -> BigInt,
        comments -> BigInt,
        shares -> BigInt,
        reactions -> BigInt,
    }
}

table! {
    account_days (account_id, day) {
        account_id -> BigInt,
        day -> BigInt,
        views -> BigInt,
        likes -> BigInt,
        dislikes -> BigInt,
        comments -> BigInt,
        shares -> BigInt,
        reactions -> BigInt,
        likes_given -> BigInt,
        dislikes_given -> BigInt,
    }
}
table! {
    processes (id) {
        id -> BigInt,
        seen_at -> BigInt,
    }
}

table! {
    connections (process_id, token_id) {
        process_id -> BigInt,
        token_id -> BigInt,
        account_id -> BigInt,
        streams -> Text,
    }
}

table! {
    last_seen (account_id) {
        account_id -> BigInt,
        seen_at -> BigInt,
    }
}

table! {
    collections (id) {
        id -> BigInt,
        account_id -> BigInt,
        uri -> Text,
        url -> Text,
        local -> Bool,
        name -> Text,
        description -> Text,
        language -> Text,
        tag -> Text,
        sensitive -> Bool,
        discoverable -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    collection_items (id) {
        id -> BigInt,
        collection_id -> BigInt,
        account_id -> Nullable<BigInt>,
        object_uri -> Text,
        uri -> Text,
        state -> SmallInt,
        position -> BigInt,
        request_uri -> Text,
        approval_uri -> Text,
        tries -> SmallInt,
        created_at -> BigInt,
    }
}

table! {
    feature_authorizations (id) {
        id -> BigInt,
        account_id -> BigInt,
        collection_uri -> Text,
        created_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

table! {
    quiet_statuses (status_id) {
        status_id -> BigInt,
        taken_at -> BigInt,
    }
}

table! {
    replies_reads (status_id) {
        status_id -> BigInt,
        read_at -> BigInt,
    }
}

table! {
    thread_reads (conversation_id) {
        conversation_id -> BigInt,
        active -> Bool,
        job_id -> BigInt,
        busy_until -> BigInt,
        jobs -> BigInt,
        found -> BigInt,
        fruitless -> BigInt,
        begun_at -> BigInt,
        next_at -> BigInt,
    }
}

table! {
    account_reads (account_id) {
        account_id -> BigInt,
        read_at -> BigInt,
        next_at -> BigInt,
        failures -> BigInt,
    }
}

table! {
    account_archives (id) {
        id -> BigInt,
        account_id -> BigInt,
        file -> Text,
        size -> BigInt,
        created_at -> BigInt,
        ready_at -> Nullable<BigInt>,
        expires_at -> BigInt,
    }
}

table! {
    account_imports (id) {
        id -> BigInt,
        account_id -> BigInt,
        kind -> Text,
        overwrite -> Bool,
        body -> Text,
        total -> BigInt,
        position -> BigInt,
        failed -> BigInt,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

table! {
    import_lines (import_id, position) {
        import_id -> BigInt,
        position -> BigInt,
        subject_id -> Nullable<BigInt>,
        text -> Text,
        error -> Text,
    }
}

table! {
    domain_subscriptions (id) {
        id -> BigInt,
        url -> Text,
        severity_limit -> Text,
        entries -> BigInt,
        fetched_at -> Nullable<BigInt>,
        last_error -> Text,
        created_at -> BigInt,
    }
}

table! {
    severance_events (id) {
        id -> BigInt,
        kind -> Text,
        target_name -> Text,
        stamp -> BigInt,
        purged -> Bool,
        created_at -> BigInt,
    }
}

table! {
    severed_follows (event_id, account_id, outgoing, other_id) {
        event_id -> BigInt,
        account_id -> BigInt,
        outgoing -> Bool,
        other_id -> BigInt,
        reblogs -> Bool,
        notify -> Bool,
        languages -> Text,
    }
}

table! {
    account_severances (id) {
        id -> BigInt,
        event_id -> BigInt,
        account_id -> BigInt,
        followers_count -> BigInt,
        following_count -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    email_domain_blocks (id) {
        id -> BigInt,
        domain -> Text,
        created_at -> BigInt,
    }
}

table! {
    canonical_email_blocks (id) {
        id -> BigInt,
        canonical_email_hash -> Text,
        created_at -> BigInt,
    }
}

table! {
    ip_blocks (id) {
        id -> BigInt,
        ip -> Text,
        severity -> Text,
        comment -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
    }
}

table! {
    username_blocks (id) {
        id -> BigInt,
        pattern -> Text,
        whole -> Bool,
        created_at -> BigInt,
    }
}

table! {
    tag_rules (tag_id) {
        tag_id -> BigInt,
        usable -> Bool,
        listable -> Bool,
    }
}

table! {
    trend_reviews (kind, subject_id) {
        kind -> SmallInt,
        subject_id -> BigInt,
        trendable -> Bool,
        reviewed_at -> BigInt,
    }
}

table! {
    active_days (day, account_id) {
        day -> BigInt,
        account_id -> BigInt,
    }
}

/// Tables that appear in one query with each of those after the colon. Only pairs that do: every
/// pair is code, and there are thousands.
macro_rules! appear_together {
    ($($one:ident: $($other:ident)+;)+) => {
        $($(allow_tables_to_appear_in_same_query!($one, $other);)+)+
    };
}

appear_together! {
    accounts: account_stats users tokens statuses status_tags media follows
        follow_requests blocks mutes favourites notifications home_entries deliveries
        endorsements account_domain_blocks former_usernames poll_votes lists list_members
        quotes status_cards account_words friend_requests dislikes last_seen bookmarks collections
        collection_items feature_authorizations reports invites;
    account_stats: follows blocks mutes notifications account_domain_blocks account_words
        users;
    users: tokens statuses push_subscriptions active_weeks invites;
    tokens: push_subscriptions invites;
    statuses: status_stats status_tags media favourites bookmarks home_entries pins
        thread_mutes list_entries conversations quotes interaction_authorizations status_cards
        active_weeks dislikes emoji_reactions;
    group_posts: accounts statuses;
    tags: status_tags tag_follows featured_tags account_tags tag_rules;
    status_tags: media follows home_entries tag_follows;
    media: scheduled_media chats chat_messages chat_edits chat_reactions chat_files
        draft_media;
    follows: follow_requests notifications home_entries lists list_members list_entries
        tag_follows account_words;
    blocks: mutes account_domain_blocks;
    mutes: account_domain_blocks;
    favourites: bookmarks pins quotes dislikes emoji_reactions;
    bookmarks: pins bookmark_folder_items dislikes emoji_reactions;
    notifications: markers notification_groups notification_requests;
    home_entries: events lists list_members tag_follows;
    outgoing_activities: deliveries;
    filters: filter_keywords filter_statuses;
    totp: recovery_codes;
    polls: poll_options poll_votes;
    poll_options: poll_votes;
    scheduled_media: chat_files draft_media;
    pins: dislikes;
    lists: list_members list_entries;
    list_members: list_entries;
    conversations: conversation_statuses;
    featured_tags: account_tags;
    trend_days: trend_accounts;
    preview_cards: status_cards;
    chats: chat_members chat_messages chat_files;
    chat_members: chat_messages chat_hidden;
    chat_messages: chat_hidden chat_edits chat_reactions chat_files deliveries;
    chat_edits: chat_reactions chat_files;
    chat_reactions: chat_files;
    chat_files: draft_media;
    dislikes: emoji_reactions;
    emoji_reactions: reaction_counts;
    processes: connections;
    collections: collection_items;
    severed_follows: accounts;
    account_severances: severance_events;
}
